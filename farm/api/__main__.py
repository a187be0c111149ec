"""`python -m farm.api`: one API process on FARM_API_HOST and FARM_API_PORT."""

import uvicorn

from farm.api.app import create_app
from farm.api.serving import server_config
from farm.settings import load_settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    settings = load_settings()
    config = server_config(
        create_app(), host=settings.api_host, port=settings.api_port, log_level=settings.log_level, log_config=None
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
