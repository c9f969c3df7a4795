from pathlib import Path

import pytest

from holdfast.errors import SettingsError
from holdfast.metrics.targets import Target, Targets, parse_targets
from resources.sources import read_targets


def test_every_form_of_a_target_is_read() -> None:
    found = parse_targets(
        "web1:9100, http://web2:9100/metrics,db=https://u:p@db.example/m?x=y , local,[::1]:9100,http://c"
    )
    assert found.is_local
    assert [(target.server_id, target.url) for target in found.endpoints] == [
        ("web1:9100", "http://web1:9100/metrics"),
        ("web2:9100", "http://web2:9100/metrics"),
        ("db", "https://u:p@db.example/m?x=y"),
        ("[::1]:9100", "http://[::1]:9100/metrics"),
        ("c:80", "http://c/metrics"),
    ]


def test_lines_of_a_file_may_have_comments_and_blanks(tmp_path: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("# all servers\n\nweb1:9100   # the first\n  shop=http://web2:8080/metrics#top\n")
    found = read_targets(str(file))
    assert [target.server_id for target in found.endpoints] == ["web1:9100", "shop"]
    assert not found.is_local


def test_unset_means_this_machine() -> None:
    assert read_targets(None) == read_targets("  ") == Targets(is_local=True, endpoints=())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web1:9100,web1:9100", "same page as 'web1:9100'"),
        ("web1:9100,a=http://web1:9100/metrics", "'a' is the same page as 'web1:9100'"),
        ("a=http://x:1/m,a=http://y:1/m", "two targets would be the server 'a'"),
        ("http://x:1/a,http://x:1/b", "name one of them, as name=URL"),
        ("local,local", "'local' comes twice"),
        ("loacl", "'loacl' has no port and is no file"),
        ("targets.txt", "no file"),
        ("web1:99999", "port"),
        ("web1:http", "port"),
        ("ftp://web1/x", "not an HTTP address"),
        ("http://:9100", "not an HTTP address"),
        ("web1 web2:9100", "not an HTTP address"),
        ("# only a comment", "no target found"),
    ],
)
def test_what_is_no_target_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_targets(text)


def test_logins_and_queries_never_show() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_targets("x=ftp://me:hunter2@web1/x?token=hunter2")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Target("a", "http://me:hunter2@web1/x"))
