"""The instance metadata service of an Azure machine: tokens of its managed identity.

Plain HTTP on a link-local address; the header `Metadata: true` keeps requests out that someone made
the machine send. All numbers are strings. A resource is named by its URI, not as a scope.
"""

from server import Response, Service

API_VERSION = "2018-02-01"


class Imds(Service):
    name = "imds"

    def __init__(self, identity, issuer, roots, clock):
        self._identity = identity
        self._issuer = issuer
        self._roots = roots
        self._clock = clock

    def default_error(self, status):
        return _body("too_many_requests" if status == 429 else "server_error" if status >= 500
                     else "invalid_request", "The metadata service is not able to answer.")

    def handle(self, request):
        if request.path.rstrip("/") != "/metadata/identity/oauth2/token":
            return _refuse(404, "not_found", "There is nothing here.")
        if request.method != "GET":
            return _refuse(405, "method_not_allowed", "A token is asked for by GET.")
        if (request.header("Metadata") or "").lower() != "true":
            return _refuse(400, "invalid_request", "Required metadata header not specified")
        if request.header("X-Forwarded-For"):
            return _refuse(400, "invalid_request", "A proxy may not be in between.")
        names = dict(request.query)
        if names.get("api-version") != API_VERSION:
            return _refuse(400, "invalid_request", f"api-version has to be {API_VERSION}")
        resource = self._roots.find(names.get("resource", ""))
        if resource is None:
            return _refuse(400, "invalid_resource", "AADSTS500011: The resource principal named "
                                                    f"{names.get('resource', '')} was not found.")
        app = self._identity.managed_client_id
        if "client_id" in names:
            if names["client_id"].lower() not in (app, self._identity.client_id):
                return _refuse(400, "invalid_request", "Identity not found")
            app = names["client_id"].lower()
        # No claims can be asked for here: a new token is one of after the challenge.
        token, lifetime = self._issuer.issue(resource, app, "2", answers_challenge=True)
        now = int(self._clock.now())
        response = Response(200, {
            "access_token": token, "client_id": app, "expires_in": str(lifetime),
            "expires_on": str(now + lifetime), "ext_expires_in": str(lifetime), "not_before": str(now),
            "resource": names["resource"], "token_type": "Bearer"})
        response.issued = (app, resource, lifetime)
        return response


def _body(error, description):
    return {"error": error, "error_description": description}


def _refuse(status, error, description):
    return Response(status, _body(error, description), content_type="application/json; charset=utf-8")
