"""`python -m sereno_agent` is `sereno-agent`."""

from sereno_agent.cli import main

raise SystemExit(main())
