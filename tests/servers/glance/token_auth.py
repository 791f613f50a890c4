"""Paste filter that takes who asks from the token, so that a Glance needs no Keystone: for tests only.

A token is ``user:project:role[,role...]``, with ``:seconds`` behind it (since the epoch) when it is to expire.
"""

import time

import webob.exc
from glance import context
from glance.api import policy
from glance.common import wsgi

IMPLIED = {"admin": ("manager", "member", "reader"), "manager": ("member", "reader"), "member": ("reader",)}


class TokenAuth(wsgi.Middleware):
    def __init__(self, app):
        super().__init__(app)
        self.enforcer = policy.Enforcer()

    def process_request(self, request):
        token = request.headers.get("X-Auth-Token", "")
        user, project, roles, expires = (*token.split(":"), "", "", "", "")[:4]
        if not (user and project and roles) or (expires and time.time() > float(expires)):
            raise webob.exc.HTTPUnauthorized
        held = set(roles.split(","))
        held.update(implied for role in roles.split(",") for implied in IMPLIED.get(role, ()))
        request.context = context.RequestContext(
            user_id=user,
            project_id=project,
            roles=sorted(held),
            auth_token=token,
            policy_enforcer=self.enforcer,
        )
