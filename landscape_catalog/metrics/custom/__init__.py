"""Custom metrics: functions that users write."""
