"""The review page when others decide, connections break and sessions end: no decision is lost, none is made twice."""

from page_case import decided, open_polygon
from playwright.sync_api import expect

from builders.review_desk import PASSWORD
from sealwatch.publish.review import decide


def test_a_polygon_decided_on_meanwhile_is_shown_anew_and_nothing_is_written(page_desk, visit):
    page = open_polygon(visit, "B1-2024-02")
    decide(page_desk.database, ["B1-2024-02"], "rejected", "bor", "a field road")
    page.keyboard.press("a")
    expect(page.locator("#alarm")).to_contain_text("changed")
    expect(page.locator(".history")).to_contain_text("a field road")
    assert decided(page_desk, "B1-2024-02") == [("rejected", "bor")]


def test_a_lost_answer_makes_no_second_decision(page_desk, visit):
    sent = []

    def lose(route):
        sent.append(route.request.url)
        if len(sent) == 1:
            route.fetch()
        route.abort()

    page = open_polygon(visit, "B1-2024-03", meddle=lose)
    page.keyboard.press("a")
    page.keyboard.press("a")
    expect(page.locator("#subject .id")).not_to_have_text("B1-2024-03")
    assert decided(page_desk, "B1-2024-03") == [("accepted", "ana")]
    assert len(sent) == 1


def test_a_lost_request_is_sent_again(page_desk, visit):
    sent = []

    def lose(route):
        sent.append(route.request.url)
        if len(sent) == 1:
            route.abort()
        else:
            route.continue_()

    page = open_polygon(visit, "B1-2024-04", meddle=lose)
    page.keyboard.press("a")
    expect(page.locator("#subject .id")).not_to_have_text("B1-2024-04")
    assert decided(page_desk, "B1-2024-04") == [("accepted", "ana")]
    assert len(sent) == 2


def test_a_session_that_ends_asks_for_sign_in_and_the_decision_is_not_lost(page_desk, visit):
    page = visit("#/polygon/B1-2024-05", name=None)
    page.get_by_label("Name").fill("pia")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#subject .id")).to_have_text("B1-2024-05")
    page.get_by_role("button", name="Reject").click()
    page.get_by_label("Forest clearing").check()
    page.get_by_label("Remark").fill("young trees")
    page_desk.rows("DELETE FROM desk_session WHERE account = 'pia'")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("dialog")).to_contain_text("Your session has ended")
    assert decided(page_desk, "B1-2024-05") == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#outcome")).to_contain_text("Rejected")
    assert decided(page_desk, "B1-2024-05") == [("rejected", "pia")]


def test_with_four_eyes_another_person_confirms(page_desk, visit):
    page_desk.rows("UPDATE review_rule SET four_eyes = true")
    try:
        own = open_polygon(visit, "B1-2024-09", name="bor")
        own.keyboard.press("a")
        expect(own.locator("#outcome")).to_contain_text("waits for a second reviewer")
        expect(own.locator("#subject .id")).not_to_have_text("B1-2024-09")
        own.goto(f"{page_desk.url}/#/polygon/B1-2024-09")
        expect(own.locator("#actions")).to_contain_text("Your decision waits")
        expect(own.get_by_role("button", name="Confirm")).to_have_count(0)
        page = open_polygon(visit, "B1-2024-09")
        page.get_by_role("button", name="Confirm").click()
        expect(page.locator("#subject .id")).not_to_have_text("B1-2024-09")
    finally:
        page_desk.rows("UPDATE review_rule SET four_eyes = false")
    assert decided(page_desk, "B1-2024-09") == [("accepted", "bor"), ("accepted", "ana")]
