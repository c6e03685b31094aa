"""The settings of the simulator: names, defaults, and what may be given. The README explains them."""

MEMBER_TYPES = ("user", "contact", "group", "device", "servicePrincipal")


class SettingsError(Exception):
    pass


def _whole(least, most=None):
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= least \
        and (most is None or v <= most)


def _number(least, exclusive=False):
    return lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) \
        and (v > least if exclusive else v >= least)


def _one_of(*values):
    return lambda v: any(v is value or (v == value and type(v) is type(value)) for value in values)


def _list_of(check):
    return lambda v: isinstance(v, list) and all(check(item) for item in v)


def _boolean(value):
    return isinstance(value, bool)


def _text(value):
    return isinstance(value, str)


def _roles(value):
    return isinstance(value, dict) and set(value) <= {"graph", "exchange"} \
        and all(_list_of(_text)(roles) for roles in value.values())


# Name -> (default, check). The page sizes are the caps of the service; tests lower them to get many
# pages from few objects.
SETTINGS = {
    "clock": ("real", _one_of("real", "virtual")),
    "latency": (0, _number(0)),
    "gzip": (True, _boolean),
    "reaction_time": (0.02, _number(0)),
    "idle_timeout": (120, _number(0, exclusive=True)),
    # Graph: pages
    "page_size": (200, _whole(1)),
    "link_page_size": (500, _whole(1)),
    "empty_pages": (False, _boolean),
    "replays": (False, _boolean),
    "location_select": (False, _boolean),
    "skip_token_lifetime": (0, _number(0)),
    "delta_token_lifetime": (7 * 86400, _number(0)),
    # Graph: limits, and what goes wrong
    "limit_units": (8000, _whole(0)),
    "limit_window": (10, _number(0, exclusive=True)),
    "contacts_delta": (True, _boolean),
    "replication_delay": (0, _number(0)),
    "undelete_silent": (False, _boolean),
    "lost_purges": (False, _boolean),
    "surprises": (False, _boolean),
    "hidden_types": ([], _list_of(_one_of(*MEMBER_TYPES))),
    # Exchange
    "exchange_page_size": (1000, _whole(1)),
    "exchange_link_lifetime": (300, _number(0)),
    "exchange_rbac": (True, _boolean),
    "exchange_403": ("", _one_of("", "diagnostics", "nul")),
    "exchange_throttle_status": (429, _one_of(429, 400, 503, 200)),
    "concurrency": (0, _whole(0)),
    # Tokens and the way to the services
    "token_lifetime": (3599, _whole(0)),
    "login_errors": ([], _list_of(_whole(1))),
    "secret_expired": (False, _boolean),
    "proxy_credentials": ("", lambda v: v == "" or (_text(v) and ":" in v)),
    "roles": ({"graph": ["OrgContact.Read.All", "User.Read.All", "Group.Read.All",
                         "GroupMember.Read.All", "Member.Read.Hidden",
                         "Organization.Read.All"],
               "exchange": ["Exchange.ManageAsApp"]}, _roles),
}


def _copy(value):
    return dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else value


def default_settings():
    return {name: _copy(default) for name, (default, _) in SETTINGS.items()}


def change_settings(settings, changes):
    """Merges `changes`; all of them or, when one is wrong (SettingsError), none."""
    if not isinstance(changes, dict):
        raise SettingsError("settings are an object")
    for name, value in changes.items():
        if name not in SETTINGS:
            raise SettingsError(f"no setting '{name}'; there are {', '.join(SETTINGS)}")
        if not SETTINGS[name][1](value):
            raise SettingsError(f"not a value for '{name}': {value!r}")
    for name, value in changes.items():
        settings[name] = {**settings[name], **value} if name == "roles" else _copy(value)
