"""Everything central: gateway, store, prediction, alerts, desk, runs, audit, API, console, command line."""
