"""The only door: how we speak to Redis, Postgres, Drive, the web and the machine."""
