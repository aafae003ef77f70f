"""The command line: python -m socialcore migrate | work | sandbox | accounts | operators | tokens | keys | check."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from types import FrameType
from typing import Any
from uuid import UUID

from sqlalchemy.exc import OperationalError

from socialcore import accounts, installation, keys, operators, tokens
from socialcore.embedded import EmbeddedError
from socialcore.operators import Capability
from socialcore.settings import Settings, SettingsError

REFUSALS = (SettingsError, EmbeddedError, accounts.BadAccount, operators.BadOperator, tokens.BadToken, keys.KeyNeeded)
KEYS_NEED = ("owner_database_url", "context_key", "sealing_keys")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every URL
    try:
        return options.run(Settings.from_environment(), options)
    except REFUSALS as error:
        print(f"{error}", file=sys.stderr)
    except OperationalError as error:
        says = str(error.orig).partition("\n")[0]
        print(f"The database is away: {says}. Check its address, and that its server runs.", file=sys.stderr)
    return 2


def _migrate(settings: Settings, _options: argparse.Namespace) -> int:
    from socialcore import database  # noqa: PLC0415

    if settings.embedded:
        with installation.server(settings) as postgres:
            applied = installation.prepare_embedded(postgres)
    else:
        settings.require("owner_database_url", "context_key")
        applied = database.migrate(settings.owner_database_url or "", settings.context_key)
    print("\n".join(f"applied {revision}" for revision in applied) or "nothing to do")
    return 0


def _work(settings: Settings, options: argparse.Namespace) -> int:
    from socialcore import media, stores  # noqa: PLC0415
    from socialcore.team import Channel  # noqa: PLC0415
    from socialcore.webhook import Webhook  # noqa: PLC0415
    from socialcore.worker import NotDurable, Worker, connections_for  # noqa: PLC0415

    with installation.opened(settings, "worker_database_url", "context_key", "sealing_keys") as here:
        concurrency = options.concurrency or settings.concurrency
        database = here.as_worker(most_connections=connections_for(concurrency))
        media_of = media.for_workers(database, stores.configured(settings.media_bucket), settings.media_url)
        worker = Worker(
            database,
            here.worker_url,
            here.vault(),
            concurrency=concurrency,
            media=media_of,
            check_every=settings.check_every,
            channel=Channel(Webhook(settings.team_channel), settings.public_url) if settings.team_channel else None,
        )
        _stop_on_signals(worker.stop, options)
        try:
            worker.run()
        except NotDurable as error:
            print(error, file=sys.stderr)
            return 2
    return 0


def _sandbox(settings: Settings, options: argparse.Namespace) -> int:
    from socialcore.sandbox.server import serve  # noqa: PLC0415

    if options.with_parent:
        from socialcore.stack import end_with_parent  # noqa: PLC0415

        end_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))  # the server handles that by itself
    folder = installation.sandbox_folder(settings)
    try:
        serve(folder, settings.sandbox_port)
    except OSError as error:
        print(f"The sandbox cannot keep its posts in {folder}: {error.strerror}.", file=sys.stderr)
        return 2
    return 0


def _list_accounts(settings: Settings, _options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        for account in accounts.all_accounts(scope):
            print(f"{account.id}  {account.name}  ({account.time_zone}, {account.plan})")
    return 0


def _add_account(settings: Settings, options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        added = accounts.add(scope, options.name, time_zone=options.time_zone, colour=options.colour, plan=options.plan)
        print(f"{added.id}  {added.name}")
    return 0


def _list_operators(settings: Settings, _options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        for operator in operators.everybody(scope):
            reach = "every account" if operator.every_account else "chosen accounts"
            print(f"{operator.id}  {operator.name} <{operator.email}>  {', '.join(operator.roles)}; {reach}")
    return 0


def _add_operator(settings: Settings, options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        by_name = {account.name: account.id for account in accounts.all_accounts(scope)}
        if unknown := [name for name in options.account if name not in by_name]:
            raise operators.BadOperator(f"No such account: {', '.join(unknown)}.")
        added = operators.add(
            scope,
            options.name,
            options.email,
            options.role,
            accounts=[by_name[name] for name in options.account],
            every_account=options.every_account,
        )
        print(f"{added}  {options.name}: signs in with {options.email}")
    return 0


def _add_token(settings: Settings, options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        found = next((each for each in operators.everybody(scope) if each.email == options.operator.lower()), None)
        if found is None:
            raise tokens.BadToken(f"There is no active operator with the address {options.operator}.")
        by_name = {account.name: account.id for account in accounts.all_accounts(scope)}
        if unknown := [name for name in options.account if name not in by_name]:
            raise tokens.BadToken(f"No such account: {', '.join(unknown)}.")
        made = tokens.create(
            scope,
            found,
            options.name,
            account_ids=[by_name[name] for name in options.account],
            capabilities=[Capability(each) for each in options.may],
            lasts=timedelta(days=options.days),
        )
    print(made)
    print("Keep it now: it is shown this once.", file=sys.stderr)
    return 0


def _list_tokens(settings: Settings, _options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        names = {each.id: each.name for each in operators.everybody(scope)}
        for token in tokens.everyones(scope):
            whose = names.get(token.operator_id, "a former operator")
            until = f"{token.state}; until {token.expires_at:%Y-%m-%d}"
            print(f"{token.id}  {token.name}  ({whose}; {', '.join(token.capabilities)}; {until})")
    return 0


def _revoke_token(settings: Settings, options: argparse.Namespace) -> int:
    with installation.opened(settings, "owner_database_url") as here, here.administration() as scope:
        if not tokens.revoke(scope, options.id):
            raise tokens.BadToken("There is no such token, or it was revoked before.")
    print("revoked")
    return 0


def _list_keys(settings: Settings, _options: argparse.Namespace) -> int:
    with installation.opened(settings, *KEYS_NEED) as here:
        for use in keys.uses(here):
            missing = "" if use.is_here else "; it is not here, so they do not open"
            print(f"key {use.number}: {use.values} sealed values{'; seals what is new' if use.seals else ''}{missing}")
    return 0


def _add_key(settings: Settings, _options: argparse.Namespace) -> int:
    if settings.embedded:
        with installation.server(settings) as postgres:
            number = keys.add_to_embedded(postgres)
        print(f"Key {number} is kept beside the embedded server. Start Social Composer again, then: keys rotate")
        return 0
    settings.require("sealing_keys")
    number, entry = keys.new(settings.sealing_keys)
    print(f"Add this to COMPOSER_SEALING_KEYS, or to its file, everywhere, and to your backup of it:\n\n{entry}\n")
    print(f"Start dashboards and workers again with it: from then on key {number} seals. Then: keys rotate")
    return 0


def _rotate_keys(settings: Settings, _options: argparse.Namespace) -> int:
    with installation.opened(settings, *KEYS_NEED) as here:
        for done in keys.rotate(here):
            print(f"{done} sealed values put under key {max(here.sealing_keys)}")
        left = [use for use in keys.uses(here) if use.values and not use.seals]
    for use in left:
        print(f"{use.values} values still need key {use.number}: in use just now, or damaged. Run this again.")
    return 1 if left else 0


def _retire_key(settings: Settings, options: argparse.Namespace) -> int:
    with installation.opened(settings, *KEYS_NEED) as here:
        keys.insist_on_unused(here, options.number)
    if settings.embedded:
        with installation.server(settings) as postgres:
            keys.remove_from_embedded(postgres, options.number)
        print(f"Key {options.number} is gone. Start Social Composer again.")
    else:
        print(
            f"Nothing needs key {options.number}. Remove it from COMPOSER_SEALING_KEYS, or from its file, everywhere."
        )
    return 0


def _check(settings: Settings, _options: argparse.Namespace) -> int:
    from socialcore import checks  # noqa: PLC0415

    with installation.opened(settings, "database_url", "context_key") as here:
        found = checks.all_checks(settings, here)
    for check in found:
        print(f"{'ok  ' if check.fine else 'FAIL'}  {check.what}{'' if check.fine else f': {check.next_step}'}")
    return 0 if all(check.fine for check in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m socialcore", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, what: str, run: Callable[[Settings, argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=what)
        made.set_defaults(run=run)
        return made

    command("migrate", "bring the schema up to date", _migrate)
    work = command("work", "publish what is due, until stopped", _work)
    work.add_argument(
        "--concurrency", type=int, help="calls of one platform at once (default: COMPOSER_CONCURRENCY or 8)"
    )
    sandbox = command("sandbox", "serve the platform doubles on this machine", _sandbox)
    for child in (work, sandbox):
        child.add_argument("--with-parent", action="store_true", help=argparse.SUPPRESS)
    command("check", "say whether this installation is well", _check)
    _people(commands)
    _master_keys(commands)
    return parser


def _people(commands: Any) -> None:
    account = commands.add_parser("accounts", help="add and list accounts").add_subparsers(required=True)
    account.add_parser("list").set_defaults(run=_list_accounts)
    add = account.add_parser("add", help="add an account")
    add.add_argument("name")
    add.add_argument("--time-zone", required=True, help="as in Europe/Berlin")
    add.add_argument("--colour", help="as in #9a4a12; chosen for you otherwise")
    add.add_argument("--plan", help="one of COMPOSER_PLANS; the smallest otherwise")
    add.set_defaults(run=_add_account)

    operator = commands.add_parser("operators", help="invite and list operators").add_subparsers(required=True)
    operator.add_parser("list").set_defaults(run=_list_operators)
    invite = operator.add_parser("add", help="invite an operator; the first sign-in with the e-mail address binds them")
    invite.add_argument("name")
    invite.add_argument("--email", required=True)
    invite.add_argument("--role", action="append", required=True, choices=operators.ROLES)
    invite.add_argument("--account", action="append", default=[], help="one the operator acts for; repeatable")
    invite.add_argument("--every-account", action="store_true", help="acts for all, also those yet to come")
    invite.set_defaults(run=_add_operator)

    token = commands.add_parser("tokens", help="make, list and revoke tokens for the API").add_subparsers(required=True)
    token.add_parser("list").set_defaults(run=_list_tokens)
    make = token.add_parser("add", help="make a token, and show it once")
    make.add_argument("name", help="where it is used")
    make.add_argument("--operator", required=True, help="the e-mail address of whom it acts as")
    make.add_argument("--account", action="append", required=True, help="one it is for; repeatable")
    make.add_argument(
        "--may", action="append", required=True, choices=[each.value for each in Capability], help="repeatable"
    )
    make.add_argument("--days", type=int, default=90, help="how long it lasts (default: 90)")
    make.set_defaults(run=_add_token)
    end = token.add_parser("revoke", help="end a token, from the next call on")
    end.add_argument("id", type=UUID)
    end.set_defaults(run=_revoke_token)


def _master_keys(commands: Any) -> None:
    key = commands.add_parser("keys", help="the master keys that seal sign-ins").add_subparsers(required=True)
    key.add_parser("list", help="how many values each key seals").set_defaults(run=_list_keys)
    key.add_parser("add", help="make a new key").set_defaults(run=_add_key)
    key.add_parser("rotate", help="put every value under the newest key").set_defaults(run=_rotate_keys)
    retire = key.add_parser("retire", help="make sure that nothing needs a key, and say goodbye to it")
    retire.add_argument("number", type=int)
    retire.set_defaults(run=_retire_key)


def _stop_on_signals(stop: Callable[[], None], options: argparse.Namespace) -> None:
    from socialcore.stack import end_with_parent  # noqa: PLC0415

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    if options.with_parent:
        end_with_parent(stop)


if __name__ == "__main__":
    sys.exit(main())
