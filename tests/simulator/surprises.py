"""What a newer service would send: nothing of it may disturb a client that was written before.

Unknown properties, unknown members of enumerations, members of unknown types, and a context that
fits no metadata.
"""

import uuid

CONTEXT = "https://graph.microsoft.com/beta/$metadata#Collection(microsoft.graph.hologram)/$delta"
UNKNOWN_TYPE = "#microsoft.graph.hologram"


def surprise(body):
    """The body with surprises; what is no JSON object stays as it is. Nothing is altered in place."""
    if not isinstance(body, dict) or "responses" in body:
        return body
    changed = {**body}
    if "@odata.context" in body:
        changed["@odata.context"] = CONTEXT
    changed["@microsoft.graph.tips"] = "Use $select to choose only the properties your app needs."
    if isinstance(body.get("value"), list):
        changed["value"] = [_item(item) for item in body["value"]]
    elif "id" in body:
        changed.update(_item(body))
        changed["@odata.context"] = CONTEXT
    return changed


def _item(item):
    if not isinstance(item, dict) or "@removed" in item:
        return item
    changed = {**item, "hologramQuality": 7, "hologram@odata.type": "#microsoft.graph.hologramSet",
               "hologram": {"layers": [{"depth": 1.5, "owner": None}], "isDefault": False}}
    if isinstance(item.get("phones"), list):
        changed["phones"] = item["phones"] + [{"type": "hologram", "number": None, "region": None,
                                               "language": None}]
    if isinstance(item.get("groupTypes"), list):
        changed["groupTypes"] = item["groupTypes"] + ["Hologram"]
    if isinstance(item.get("members@delta"), list):
        # The same one each time, as if it had always been there.
        stranger = str(uuid.uuid5(uuid.NAMESPACE_URL, f"hologram of {item['id']}"))
        changed["members@delta"] = item["members@delta"] + [{"@odata.type": UNKNOWN_TYPE,
                                                            "id": stranger}]
    return changed
