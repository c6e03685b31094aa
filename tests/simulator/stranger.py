"""An origin that is not the tenant's: where links lead that no client may follow."""

from server import Response, Service


class Stranger(Service):
    name = "stranger"

    def handle(self, request):
        """The last page of any collection, and an empty one: believed, it would end a round."""
        root = f"{request.origin}/v1.0/users/delta"
        return Response(200, {"@odata.context": f"{request.origin}/v1.0/$metadata#users",
                              "@odata.deltaLink": f"{root}?$deltatoken=stranger", "value": []})
