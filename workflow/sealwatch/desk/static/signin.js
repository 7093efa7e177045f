// The sign-in form: over the page, so that nothing under it is lost when a session runs out.

import { session, signIn } from "./api.js";
import { h } from "./dom.js";

let open = null;

/** Ask for name and password until somebody is signed in. Calls while the form is open share it. */
export function askForSignIn() {
  open ??= new Promise((done) => {
    const fault = h("p", { class: "fault", role: "alert" });
    const submit = h("button", { type: "submit", class: "accept" }, "Sign in");
    const name = h("input", { name: "name", autocomplete: "username", required: true, value: session.name, autocapitalize: "none" });
    const password = h("input", { name: "password", type: "password", autocomplete: "current-password", required: true });
    const send = async (event) => {
      event.preventDefault();
      submit.disabled = true;
      fault.textContent = "";
      try {
        await signIn(name.value.trim(), password.value);
        open = null;
        dialog.close();
        dialog.remove();
        done();
      } catch (error) {
        fault.textContent = error.message;
        password.select();
      } finally {
        submit.disabled = false;
      }
    };
    const dialog = h(
      "dialog",
      { class: "sign-in", "aria-labelledby": "sign-in-title", onclose: () => open && dialog.showModal() },
      h(
        "form",
        { onsubmit: send },
        h("h2", { id: "sign-in-title" }, "Sign in"),
        session.name ? h("p", { class: "faint" }, "Your session has ended. Sign in to go on where you were.") : h("p", { class: "faint" }, "Review of newly sealed land"),
        h("label", { class: "field" }, h("span", {}, "Name"), name),
        h("label", { class: "field" }, h("span", {}, "Password"), password),
        fault,
        submit,
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    (session.name ? password : name).focus();
  });
  return open;
}
