"""Who may do what, and the trace it leaves: accounts, log-ins, keys, rights, audit; and the settings they follow."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.audit import Audit
from gateway.access.authority import Authority
from gateway.access.browsers import Browsers
from gateway.access.fetch import Fetcher
from gateway.access.jwt import Machines
from gateway.access.log_ins import LogIns
from gateway.access.nvr_accounts import NvrAccounts
from gateway.access.oidc import Providers
from gateway.access.position_keys import PositionKeys
from gateway.access.privacy import PrivacyModes
from gateway.access.secrets import Vault
from gateway.access.tally import Tally
from gateway.access.users import Users
from gateway.access.views import Views
from gateway.base.clock import Clock
from gateway.base.settings import Settings
from gateway.departments.state import State
from gateway.ingest.registry import Configured, Registry, groups_of_cameras
from gateway.live_settings import LiveSettings
from gateway.store.watch import Watcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class People:
    """Accounts, rights and their audit; the registry of cameras, whose groups the rights go by."""

    audit: Audit
    tally: Tally
    views: Views
    users: Users
    browsers: Browsers
    fetcher: Fetcher
    machines: Machines
    providers: Providers
    log_ins: LogIns
    nvr_accounts: NvrAccounts
    position_keys: PositionKeys
    registry: Registry
    configured: list[Configured]
    """The cameras there are as the gateway starts."""
    authority: Authority
    privacy: PrivacyModes
    live: LiveSettings
    watcher: Watcher


async def open_people(
    settings: Settings,
    read_settings: Callable[[], Settings] | None,
    state: State,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> People:
    """Load who there is, and close in the audit what a crash left open."""
    database = state.catalog
    audit = Audit(database, clock)
    tally = Tally(audit, clock)
    stack.push_async_callback(tally.flush)
    views = Views(database, audit, clock)
    if left := await views.close_left():
        log.warning("the gateway was killed while %d views were open: the audit says so", left)
    stack.push_async_callback(views.flush)
    vault = Vault.open(settings.data_dir)
    users = Users(database, vault, audit, clock)
    stack.callback(users.close)
    browsers = Browsers(vault, clock)
    fetcher = Fetcher()
    stack.push_async_callback(fetcher.close)
    machines = Machines(settings.jwt, fetcher, clock)
    providers = Providers(settings.oidc, fetcher, vault, clock)
    nvr_accounts = NvrAccounts(database, vault, audit, tally, clock)
    stack.push_async_callback(nvr_accounts.close)
    live = LiveSettings(settings, read_settings, audit, clock, vault.mark)
    live.on("jwt", prepare=machines.prepare)
    live.on("oidc", prepare=providers.prepare)
    watcher = Watcher(database, clock)
    await watcher.look()
    await nvr_accounts.load()
    registry = Registry(database, vault, audit, clock, settings.cameras)
    position_keys = PositionKeys(database, audit, clock)
    await position_keys.load()
    configured = await registry.all()
    authority = Authority(settings.policy, groups_of_cameras(configured))
    privacy = PrivacyModes(database, audit, clock, authority)
    await privacy.load()
    return People(
        audit=audit,
        tally=tally,
        views=views,
        users=users,
        browsers=browsers,
        fetcher=fetcher,
        machines=machines,
        providers=providers,
        log_ins=LogIns(database, users, browsers, audit, tally, clock, machines),
        nvr_accounts=nvr_accounts,
        position_keys=position_keys,
        registry=registry,
        configured=configured,
        authority=authority,
        privacy=privacy,
        live=live,
        watcher=watcher,
    )
