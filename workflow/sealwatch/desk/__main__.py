"""Command line of the review desk: `python -m sealwatch.desk serve|account ...`."""

from __future__ import annotations

import argparse
import getpass
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import settings
from ..errors import SealwatchError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the desk, or list and change its accounts."""
    chosen = _parser().parse_args(arguments)
    try:
        config = settings.merged(chosen.configfile)
        if chosen.command == "serve":
            _serve(config, openapi=chosen.openapi)
        else:
            _account(config["database"], chosen)
    except SealwatchError as error:
        print(f"sealwatch: error: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(config: dict[str, Any], *, openapi: bool) -> None:
    import uvicorn

    from .app import create_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    app = create_app(config, openapi=openapi)
    with app.state.desk.pool.connection():
        pass  # says at once when the database is out of reach
    desk = config["desk"]
    uvicorn.run(
        app,
        host=desk["host"],
        port=desk["port"],
        # Addresses of clients as a web server before the desk tells them, and from nobody else.
        proxy_headers=desk["public_url"] is not None,
        server_header=False,
    )


def _account(database: dict[str, Any], chosen: argparse.Namespace) -> None:
    from ..publish.migrate import migrate
    from . import accounts

    migrate(database)  # the owner of the tables makes accounts, perhaps before the workflow's first run
    if chosen.action == "list":
        for name, role, locked in accounts.listed(database):
            print(f"{name}  {role}{'  locked' if locked else ''}")
    elif chosen.action == "add":
        accounts.add(database, chosen.name, chosen.role, _password())
    elif chosen.action == "role":
        accounts.set_role(database, chosen.name, chosen.role)
    elif chosen.action == "password":
        accounts.set_password(database, chosen.name, _password())
    else:
        accounts.set_locked(database, chosen.name, chosen.action == "lock")


def _password() -> str:
    """A password typed twice, or the first line of standard input; never an argument, which others can see."""
    from .accounts import AccountError

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise AccountError("the two passwords differ; nothing was changed")
    return password


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        default=[],
        help="configuration files on top of config/config.yaml",
    )
    parser = argparse.ArgumentParser(prog="sealwatch.desk", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", parents=[common], help="run the desk until it is interrupted")
    serve.add_argument("--openapi", action="store_true", help="describe the interface at /api/openapi.json")
    account = commands.add_parser("account", help="list and change accounts; needs the owner of the tables")
    actions = account.add_subparsers(dest="action", required=True)
    actions.add_parser("list", parents=[common], help="names, roles and locks")
    texts = {
        "add": "make an account; its password is read from the terminal or standard input",
        "role": "give another role",
        "password": "give another password and end the sessions",
        "lock": "end the sessions and refuse new ones",
        "unlock": "allow sessions again",
    }
    for name, text in texts.items():
        action = actions.add_parser(name, parents=[common], help=text)
        action.add_argument("name")
        if name == "add":
            action.add_argument("--role", default="reviewer", choices=("reader", "reviewer", "publisher"))
        elif name == "role":
            action.add_argument("role", choices=("reader", "reviewer", "publisher"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
