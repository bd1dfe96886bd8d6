"""What programs, strangers and those who run services do with canaries: keys, sessions, tokens, the
command line and settings."""

from __future__ import annotations

import asyncio

from cli_process import Terminal
from persons import Person, shown_once
from secret_credentials import note_sealed, wrong_ones
from secret_world import API, PAGES, SEEDED, Stage, csrf_places, secret_of

from common.secrets import generate_master_key
from local.welcome import welcome_admin


async def use_keys(stage: Stage) -> None:
    """Keys that are made, revoked, wrong, and no keys at all; tokens of an identity provider."""
    admin, operator, nobody = (stage.persons[it] for it in ("admin", "operator", "nobody"))
    new = {"name": "A program", "role": "viewer"}
    made = [await admin.ask("POST", f"{API}/keys", new) for _ in range(2)]
    made.append(await operator.ask("POST", "/api/v1/keys", {"name": "Another operator"}))
    for _, key in made:
        shown = r"(admin|operator) POST (make_key|make_operator_key)"
        stage.cage.secret("a key that is made", secret_of(key["key"]), shown=shown)
    _, page = await admin.post(f"{PAGES}/keys", name="Made on a page", role="viewer")
    key = shown_once(admin, page, r"hg_[0-9a-f]{16}_[\w-]{43}")
    stage.cage.secret("a key made on a page", secret_of(key), shown="admin POST key_new")
    revoked = made[0][1]
    assert (await admin.ask("DELETE", f"{API}/keys/{revoked['id']}"))[0] == 200
    tokens = (
        revoked["key"],
        f"hg_{made[1][1]['id']}_{stage.cage.secret('a wrong key')[:43]}",
        f"hg_{stage.cage.secret('half a key')}",
        stage.cage.secret("a password"),
        stage.cage.secret("a strangers' token", stage.issuer.token(genuine=False, roles="admin")),
        stage.cage.secret("a token without a role", stage.issuer.token(genuine=True)),
    )
    for token in tokens:
        for scheme in ("Bearer", "Basic"):
            headers = {"Authorization": f"{scheme} {token}"}
            assert (await nobody.ask("GET", "/api/v1/me", **headers))[0] in {401, 403}
    for token in tokens[:4]:
        assert await nobody.sign_in(token) in {401, 429}
    token = stage.cage.secret(
        "a good token",
        stage.issuer.token(genuine=True, roles=["viewer"], heliograph_tenant="acme", name="Jo"),
    )
    headers = {"Authorization": f"Bearer {token}"}
    assert (await nobody.ask("GET", f"{API}/connections", **headers))[0] == 200


async def use_sessions(stage: Stage) -> None:
    """A ticket, used twice; a session that has ended, a made-up one; a wrong CSRF token."""
    world, cage = stage.world, stage.cage
    welcome = await welcome_admin(world.database, "acme", world.url)
    cage.secret("the welcomed administrator's key", secret_of(welcome.key))
    ticket = welcome.sign_in_url.partition("ticket=")[2]
    # The page of the link carries the ticket on to the form, which is what makes the link safe.
    cage.secret("a ticket", ticket, shown="guest GET sign_in_page")
    async with Person("guest", world.url, welcome.key, stage.heard) as guest:
        assert await guest.sign_in(ticket=ticket) == 303
        cookie = cage.secret("a session that ends", guest.cookie, shown="guest POST sign_in")
        cage.secret("its CSRF token", guest.csrf, shown=csrf_places("guest"))
        wrong = cage.secret("a wrong CSRF token")
        right, guest.csrf = guest.csrf, wrong
        assert (await guest.post(f"{PAGES}/connections/{SEEDED}/check"))[0] == 403
        guest.csrf = right
        assert (await guest.post("/sign-out"))[0] == 303
    async with Person("guest", world.url, "", stage.heard) as guest:
        assert await guest.sign_in(ticket=ticket) == 401
        assert (
            await guest.sign_in(ticket=cage.secret("a made-up ticket", shown="guest GET .*")) == 401
        )
    nobody = stage.persons["nobody"]
    for value in (cookie, cage.secret("a made-up session")):
        headers = {"Cookie": f"heliograph_session={value}"}
        assert (await nobody.ask("GET", f"{API}/connections", **headers))[0] == 401


async def type_commands(stage: Stage) -> None:
    """At the command line: what is refused, and what is not."""
    world = stage.world
    key = world.keys[next(role for role in world.keys if role.value == "admin")]
    mine = Terminal(world.url, stage.folder / "mine", key)
    good = stage.use_key("an access key that is given to the command line")
    files = [good, *(it for it in wrong_ones(stage, "at the command line"))]
    paths = [stage.folder / f"secret-{place}" for place in range(len(files))]
    for path, content in zip(paths, files, strict=True):
        path.write_text(content)
    connect = ["connect", "--provider", "acs", "--name", "Never", "--set-file"]
    commands = {
        "sign-in": (["sign-in", "--key-stdin"], 0, key),
        "sign-in wrong": (["sign-in", "--key-stdin"], 3, stage.cage.secret("a key at stdin")),
        "connect rejected": ([*connect, f"connection_string={paths[1]}"], 1, ""),
        "connect malformed": ([*connect, f"connection_string={paths[4]}"], 1, ""),
        "update": (
            ["connections", "update", SEEDED, "--set-file", f"connection_string={paths[0]}"],
            0,
            "",
        ),
        "rotate": (["connections", "rotate", SEEDED, "--set-file", f"x={paths[2]}"], 1, ""),
        "show": (["connections", "show", SEEDED, "--json"], 0, ""),
    }
    # Wherever the key comes from the shell's environment, it is kept in no file.
    ended = await asyncio.gather(
        *(mine.run(*arguments, stdin=stdin) for arguments, _, stdin in commands.values())
    )
    for (what, (_, code, _)), done in zip(commands.items(), ended, strict=True):
        assert done.code == code, (what, done.out, done.err)
        stage.heard[f"cli {what}"] += done.out + done.err
    await note_sealed(stage)


async def refuse_settings(stage: Stage) -> None:
    """Services that do not start: the wrong master key, and settings that cannot be read."""
    house, cage = stage.world.house, stage.cage
    another = generate_master_key()
    cage.secret("another master key", another.rpartition(":")[2])
    broken = cage.secret("half a master key")
    password = cage.secret("a password in a URL that is none")
    starts = (
        {"master_key": another},
        {"master_key": f"v1:{broken}!"},
        {"rabbitmq_management_url": f"ftp://root:{password}@127.0.0.1/"},
        {"rabbitmq_url": f"amqp//services:{password}@127.0.0.1:x/"},
    )
    replicas = [house.replica("health") for _ in starts]
    for replica, settings in zip(replicas, starts, strict=True):
        replica.start(**settings)
    await asyncio.gather(*(replica.gone() for replica in replicas))
    assert all(replica.exit_code for replica in replicas)
