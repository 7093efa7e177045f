"""The STAC API of the demo and the tests: pgstac and stac-fastapi, as behind Planetary Computer.

python -m builders.stac_server --dsn postgresql://postgres@127.0.0.1:5432/stac --port 18400 [--load FOLDER]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pypgstac.db import PgstacDB
from pypgstac.load import Loader, Methods
from pypgstac.migrate import Migrate

EXTENSIONS = ("query", "sort", "fields", "filter", "pagination")
"""What Planetary Computer's API offers on /search."""


def load_items(dsn: str, folder: str | Path) -> int:
    """Put the collection and all items of a world into pgstac and return how many items there were.

    Args:
        dsn: PostgreSQL database with PostGIS at hand; its schema `pgstac` is made or brought up to date.
        folder: holds `collection.json` and `items/*.json`. What is in the database already is replaced,
            nothing is removed.

    Raises:
        FileNotFoundError: no collection in the folder.
    """
    folder = Path(folder)
    collection = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
    items = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "items").glob("*.json"))
    ]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for extension in ("postgis", "btree_gist"):
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    database = PgstacDB(dsn=dsn)
    try:
        Migrate(database).run_migration()
        loader = Loader(db=database)
        loader.load_collections(iter([collection]), Methods.upsert)
        loader.load_items(iter(items), Methods.upsert)
    finally:
        database.disconnect()
        database.close()
    return len(items)


def serve(dsn: str, port: int) -> None:
    """Serve the STAC API of a pgstac database on loopback until the process ends."""
    import uvicorn
    from fastapi import FastAPI
    from stac_fastapi.pgstac.app import instantiate_api
    from stac_fastapi.pgstac.config import PostgresSettings, Settings
    from stac_fastapi.pgstac.db import close_db_connection, connect_to_db

    parts = conninfo_to_dict(dsn)
    postgres = PostgresSettings(
        pguser=str(parts.get("user", "postgres")),
        pgpassword=str(parts.get("password", "")),
        pghost=str(parts.get("host", "127.0.0.1")),
        pgport=int(parts.get("port") or 5432),
        pgdatabase=str(parts.get("dbname", "postgres")),
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await connect_to_db(app, postgres_settings=postgres)
        yield
        await close_db_connection(app)

    settings = Settings(stac_fastapi_title="Sealwatch demo catalogue", enabled_extensions=EXTENSIONS)
    api = instantiate_api(settings=settings, lifespan=lifespan)
    uvicorn.run(api.app, host="127.0.0.1", port=port, log_level="warning")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Serve a world's catalogue.")
    parser.add_argument(
        "--dsn", required=True, help="PostgreSQL connection, postgresql://user@host:port/database"
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--load", type=Path, help="folder of a world to load first")
    arguments = parser.parse_args()
    if arguments.load:
        load_items(arguments.dsn, arguments.load)
    serve(arguments.dsn, arguments.port)


if __name__ == "__main__":
    main()
