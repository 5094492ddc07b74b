"""Telling people and programs of rounds: webhooks, Slack, the commit status of GitHub and GitLab."""
