import psycopg


def test_fresh(database_url, empty_database_url, redis_url):
    assert psycopg.connect(database_url)
