"""Jobs, cron jobs and workflows."""
