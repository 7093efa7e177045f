"""Configuration of the web server: lighttpd, what it hands to MapServer, and the gate between them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from .mapfile import PATH, PG_SERVICE
from .mapserver import release_file
from .reader import OPTIONS

MAPSERV = Path("/usr/lib/cgi-bin/mapserv")


def write_lighttpd(
    runtime: Path,
    host: str,
    port: int,
    *,
    root: Path | None = None,
    account: str | None = None,
    mapserver: bool = False,
    proxied: Mapping[str, int] | None = None,
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Write `lighttpd.conf` into `runtime`.

    Args:
        runtime: folder that the server's account can read.
        host: address to listen on.
        port: TCP port.
        root: folder of static files; None for none.
        account: account to give up root for; None to stay.
        mapserver: whether `write_mapserver` has been called for the folder.
        proxied: ports on loopback by path.
        trusted_proxies: addresses of reverse proxies in front.
    """
    for name in ("empty", "uploads"):
        (runtime / name).mkdir()
    lines = [_COMMON.format(root=root or runtime / "empty", host=host, port=port, runtime=runtime)]
    if account:
        lines += [f'server.username = "{account}"', f'server.groupname = "{account}"']
    if trusted_proxies:
        trusted = ", ".join(f'"{address}" => "trust"' for address in trusted_proxies)
        lines += ['server.modules += ("mod_extforward")', f"extforward.forwarder = ({trusted})"]
    if mapserver:
        processes = max(2, os.cpu_count() or 2)
        lines.append(_FASTCGI.format(path=PATH, runtime=runtime, mapserv=MAPSERV, processes=processes))
    if proxied:
        targets = ", ".join(
            f'"{path}" => (("host" => "127.0.0.1", "port" => {port}))' for path, port in proxied.items()
        )
        lines += ['server.modules += ("mod_proxy")', f"proxy.server = ({targets})"]
    (runtime / "lighttpd.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_mapserver(runtime: Path, mapfile: Path, dsn: str) -> None:
    """Write into `runtime` all that MapServer and the gate read.

    Args:
        runtime: folder that the server's account can read.
        mapfile: mapfile; its release file lies beside it.
        dsn: libpq connection string or URL of the services' account.
    """
    copy_definition(runtime, mapfile)
    _write_connection(runtime, dsn)
    (runtime / "mapserver.conf").write_text(_MAPSERVER.format(runtime=runtime), encoding="utf-8")
    gate = (resources.files(__package__) / "gate.lua").read_text(encoding="utf-8")
    gate = gate.replace("@RELEASE_FILE@", str(runtime / "release.json"))
    (runtime / "gate.lua").write_text(gate, encoding="utf-8")


def copy_definition(runtime: Path, mapfile: Path) -> None:
    """Copy mapfile and release file into `runtime`, each at once; the mapfile first, which must know the release."""
    for source, name in ((mapfile, "sealwatch.map"), (release_file(mapfile), "release.json")):
        if source.is_file():
            part = runtime / f"{name}.part"
            shutil.copyfile(source, part)
            part.chmod(0o644)
            part.replace(runtime / name)


def finds_magnet(program: Path) -> bool:
    """Whether lighttpd finds mod_magnet, which Debian keeps in a package of its own."""
    probe = 'server.document-root = "/tmp"\nserver.modules = ("mod_magnet")\n'
    done = subprocess.run(
        [str(program), "-tt", "-f", "-"], input=probe, capture_output=True, text=True, check=False
    )
    return not done.returncode


def _write_connection(runtime: Path, dsn: str) -> None:
    """Write the libpq service file of a DSN, and beside it a password file where there is a password."""
    parts = conninfo_to_dict(dsn)
    parts["options"] = f"{parts.get('options', '')} {OPTIONS}".strip()
    password = parts.pop("password", None) or os.environ.get("PGPASSWORD")
    if password:
        passfile = runtime / "pgpass"
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:*:{escaped}\n", encoding="utf-8")
        parts["passfile"] = str(passfile)
    lines = [f"[{PG_SERVICE}]", *(f"{key}={value}" for key, value in parts.items())]
    (runtime / "pg_service.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")


_COMMON = """server.modules = ("mod_setenv")
server.document-root = "{root}"
server.bind = "{host}"
server.port = {port}
server.pid-file = "{runtime}/lighttpd.pid"
server.errorlog = "{runtime}/web.log"
server.breakagelog = "{runtime}/web.log"
server.upload-dirs = ("{runtime}/uploads")
server.tag = ""
server.max-request-size = 1024
mimetype.assign = (".tif" => "image/tiff", ".json" => "application/json", "" => "application/octet-stream")
setenv.set-response-header = ("X-Content-Type-Options" => "nosniff")"""

_MAPSERVER = """CONFIG
    ENV
        MS_MAP_NO_PATH "1"
        MS_MAPFILE "{runtime}/sealwatch.map"
    END
END
"""

# MS_MAP_NO_PATH keeps requests from naming a mapfile. FastCGI gives each request an environment of its own,
# so what libpq is to find is set per request. An idle MapServer outlives the SIGTERM of its parent.
_FASTCGI = """server.modules += ("mod_magnet", "mod_fastcgi")
setenv.add-environment = ("PGSERVICEFILE" => "{runtime}/pg_service.conf")
$HTTP["url"] == "{path}" {{
    setenv.add-response-header = ("Access-Control-Allow-Origin" => "*")
    magnet.attract-raw-url-to = ("{runtime}/gate.lua")
    fastcgi.server = ("{path}" => ((
        "bin-path" => "{mapserv}",
        "socket" => "{runtime}/mapserv.socket",
        "check-local" => "disable",
        "max-procs" => {processes},
        "kill-signal" => 9,
        "bin-copy-environment" => ("PATH"),
        "bin-environment" => (
            "MAPSERVER_CONFIG_FILE" => "{runtime}/mapserver.conf",
            "MS_MAPFILE" => "{runtime}/sealwatch.map",
        ),
    )))
}}"""
