"""A wrong setting is named together with what it should have been."""

from pathlib import Path

import pytest

from bot.config import Config, from_mapping, load, require_serving, unofficial_hosts
from bot.errors import ConfigError

BASE = Path("/srv/zhike")


def read(raw, **environ):
    return from_mapping(raw, environ=environ, base=BASE)


def problems(raw, **environ):
    with pytest.raises(ConfigError) as caught:
        read(raw, **environ)
    return "\n".join(caught.value.problems)


def test_defaults_are_good():
    config = read({})

    assert config.server.port == 8000
    assert config.store.path == str(BASE / "data/var/zhike.db")
    assert not config.pay.enabled
    assert unofficial_hosts(config) == []


def test_the_environment_overrides_the_file():
    config = read({"server": {"port": 1}}, ZHIKE_SERVER_PORT="8080", ZHIKE_WECHAT_APP_SECRET="s3cret")

    assert config.server.port == 8080
    assert config.wechat.app_secret == "s3cret"


def test_every_wrong_value_is_named_with_its_cure():
    found = problems({"server": {"port": 99999}, "wechat": {"mode": "secret", "app_id": "x"}, "pay": {"mch_id": 5}})

    assert "[server] port（现在是 99999） 应在 0 到 65535 之间" in found
    assert "[wechat] mode（现在是 'secret'） 应是 safe、compatible、plain 之一" in found
    assert "app_id" in found
    assert "[pay] mch_id" in found


def test_a_misspelt_key_gets_a_suggestion():
    assert "是不是 public_url" in problems({"server": {"publicurl": "https://a.cn"}})
    assert "是不是 wechat" in problems({"wechta": {}})


@pytest.mark.parametrize("base", ["http://api.weixin.qq.com", "https://evil.example", "http://127.0.0.1.evil.cn"])
def test_an_api_host_that_is_neither_official_nor_loopback_is_refused(base):
    assert "api_base" in problems({"wechat": {"api_base": base}})


def test_a_loopback_host_is_said_aloud():
    config = read({"wechat": {"api_base": "http://127.0.0.1:9000"}})

    assert unofficial_hosts(config) == ["http://127.0.0.1:9000"]


def test_secrets_are_never_shown():
    config = read({"wechat": {"app_secret": "hush", "token": "t0ken"}})

    assert "hush" not in repr(config)
    assert "t0ken" not in repr(config)
    assert "不可以" not in problems({"wechat": {"token": "不可以"}})


def test_a_secret_may_live_in_a_file(tmp_path):
    (tmp_path / "secret").write_text("from-file\n")

    config = from_mapping({"wechat": {"app_secret": "file:secret"}}, environ={}, base=tmp_path)

    assert config.wechat.app_secret == "from-file"


def test_serving_without_an_account_names_what_is_missing():
    with pytest.raises(ConfigError, match="ZHIKE_WECHAT_APP_ID"):
        require_serving(Config())


def test_a_missing_or_broken_file_is_a_sentence(tmp_path):
    broken = tmp_path / "config.toml"
    broken.write_text("[server\n")

    with pytest.raises(ConfigError, match="不是合法的 TOML"):
        load(broken)
    with pytest.raises(ConfigError, match="找不到配置文件"):
        load(tmp_path / "none.toml")


def test_a_misspelt_variable_is_named_with_a_suggestion():
    found = problems({}, ZHIKE_PAY_MCHID="1900000001", ZHIKE_NONSENSE="1", PATH="/bin")

    assert "不认识的环境变量 ZHIKE_PAY_MCHID，是不是 ZHIKE_PAY_MCH_ID？" in found
    assert "不认识的环境变量 ZHIKE_NONSENSE" in found
    assert "PATH" not in found


def test_a_file_that_notepad_saved_is_read(tmp_path):
    (tmp_path / "config.toml").write_text("[server]\nport = 9000\n", "utf-8-sig")

    assert load(tmp_path / "config.toml", environ={}).server.port == 9000
