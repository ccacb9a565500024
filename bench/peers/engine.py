"""The embedded ClickHouse of `stack.chdb`, listening for HTTP as well, which clickhouse-connect speaks.

`python -m bench.peers.engine` takes what `python -m stack.chdb` takes; the HTTP port is in `config.xml`.
"""

from __future__ import annotations

from pathlib import Path

from stack import chdb
from stack.home import write_secret

_TCP = "SYSTEM START LISTEN TCP;"


def listen_for_http(folder: Path, port: int) -> None:
    """Put the port into the engine's configuration."""
    path = folder / "config.xml"
    configuration = path.read_text(encoding="utf-8")
    write_secret(path, configuration.replace("<clickhouse>", f"<clickhouse><http_port>{port}</http_port>", 1))


if __name__ == "__main__":
    chdb._QUERY = chdb._QUERY.replace(_TCP, f"{_TCP} SYSTEM START LISTEN HTTP;")
    chdb.main()
