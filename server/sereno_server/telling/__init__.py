"""Telling approvers that something waits for them: by mail and by signed webhook, and others after a while."""
