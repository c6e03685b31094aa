"""Managers, lifetimes of links, stale replicas, and what else the directory does to its readers."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from client import TENANT, Case

USERS = "/users/delta?$select=displayName"


class ManagerTest(Case):
    WITH = "/users/delta?$select=displayName,manager"

    def test_delta_of_users(self):
        boss, one, two = self.users(3)
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C"})
        TENANT.control("PUT", f"/users/{one}", {"manager": {"type": "user", "id": boss}})
        items, _, link = TENANT.round(self.WITH)
        found = {item["id"]: item.get("manager@delta") for item in items}
        self.assertEqual({boss: None, two: None, one: [{"@odata.type": "#microsoft.graph.user", "id": boss}]},
                         found)
        _, _, without = TENANT.round(USERS)
        TENANT.control("PUT", f"/users/{one}", {"manager": {"type": "contact", "id": "c1"}})
        item, = TENANT.round(link)[0]
        self.assertEqual({"id": one, "displayName": "User 1", "manager@delta": [
            {"@odata.type": "#microsoft.graph.user", "id": boss, "@removed": {"reason": "deleted"}},
            {"@odata.type": "#microsoft.graph.orgContact", "id": "c1"}]}, item)
        self.assertEqual([], TENANT.round(without)[0])
        _, _, link = TENANT.round(link)
        TENANT.control("PUT", f"/users/{one}", {"displayName": "Another name"})
        self.assertNotIn("manager@delta", TENANT.round(link)[0][0])
        _, _, link = TENANT.round(link)
        TENANT.control("PUT", f"/users/{one}", {"manager": None})
        item, = TENANT.round(link, "return=minimal")[0]
        self.assertEqual({"id": one, "manager@delta": [
            {"@odata.type": "#microsoft.graph.orgContact", "id": "c1", "@removed": {"reason": "deleted"}}]}, item)

    def test_relation(self):
        boss, one = self.users(2)
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C", "manager": {"type": "user", "id": boss}})
        manager = TENANT.graph("/contacts/c1/manager?$select=id").json
        self.assertEqual(("#microsoft.graph.user", boss), (manager["@odata.type"], manager["id"]))
        self.assertNotIn("displayName", manager)
        self.assertEqual("User 0", TENANT.graph("/contacts/c1/manager").json["displayName"])
        self.refused(TENANT.graph(f"/users/{one}/manager"), 404, "Request_ResourceNotFound")
        item, = TENANT.graph("/contacts?$select=id&$expand=manager($select=id)").json["value"]
        self.assertEqual(boss, item["manager"]["id"])
        TENANT.control("DELETE", f"/users/{boss}")
        self.refused(TENANT.graph("/contacts/c1/manager?$select=id"), 404, "Request_ResourceNotFound")
        TENANT.control("POST", f"/users/{boss}/restore")
        self.assertEqual(200, TENANT.graph("/contacts/c1/manager?$select=id").status)
        TENANT.control("DELETE", f"/users/{boss}?permanent=1")
        self.refused(TENANT.graph("/contacts/c1/manager?$select=id"), 404, "Request_ResourceNotFound")

    def test_delta_of_contacts_does_not_see_managers(self):
        boss, = self.users(1)
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C"})
        _, _, link = TENANT.round("/contacts/delta?$select=displayName")
        TENANT.control("PUT", "/contacts/c1", {"manager": {"type": "user", "id": boss}})
        self.assertEqual([], TENANT.round(link)[0])
        self.assertEqual({"type": "user", "id": boss}, TENANT.control("GET", "/contacts/c1")["manager"])

    def test_a_purged_manager_leaves_users(self):
        boss, one = self.users(2)
        TENANT.control("PUT", f"/users/{one}", {"manager": {"type": "user", "id": boss}})
        _, _, link = TENANT.round(self.WITH)
        TENANT.control("DELETE", f"/users/{boss}")
        items, _, link = TENANT.round(link)
        self.assertEqual([{"id": boss, "@removed": {"reason": "changed"}}], items)
        TENANT.control("DELETE", f"/users/{boss}?permanent=1")
        told = {item["id"]: item for item in TENANT.round(link)[0]}
        self.assertEqual("deleted", told[one]["manager@delta"][0]["@removed"]["reason"])

    def test_bulk_sets_managers_whatever_the_order(self):
        TENANT.control("POST", "/bulk", {"users": [
            {"id": "u1", "displayName": "A", "manager": {"type": "user", "id": "u2"}},
            {"id": "u2", "displayName": "B"}]})
        self.assertEqual("u2", TENANT.graph("/users/u1/manager?$select=id").json["id"])
        for wrong in ({"type": "group", "id": "g"}, {"type": "user"}, "u2"):
            with self.assertRaises(AssertionError):
                TENANT.control("PUT", "/users/u1", {"manager": wrong})


class GroupPropertyTest(Case):
    def test_hidden_groups(self):
        TENANT.control("PUT", "/groups/g1", {"displayName": "G"})
        _, _, link = TENANT.round("/groups/delta?$select=displayName")
        TENANT.control("PUT", "/groups/g1", {"hideFromAddressLists": True})
        answer = TENANT.graph("/groups/g1?$select=id,hideFromAddressLists").json
        self.assertEqual(("g1", True), (answer["id"], answer["hideFromAddressLists"]))
        self.assertEqual([], TENANT.round(link)[0])
        for path in ("/groups?$select=id,hideFromAddressLists", "/groups/delta?$select=hideFromAddressLists"):
            self.refused(TENANT.graph(path), 501, "NotImplemented")


class LifetimeTest(Case):
    def test_skip_tokens(self):
        self.settings(clock="virtual", page_size=1, skip_token_lifetime=600)
        self.users(3)
        page = TENANT.graph(USERS).json
        listed = TENANT.graph("/users?$select=id&$top=1").json["@odata.nextLink"]
        self.advance(599)
        second = TENANT.graph(page["@odata.nextLink"]).json
        self.advance(1)
        self.refused(TENANT.graph(page["@odata.nextLink"]), 400, "Directory_ExpiredPageToken")
        self.refused(TENANT.graph(listed), 400, "Directory_ExpiredPageToken")
        self.assertEqual(200, TENANT.graph(second["@odata.nextLink"]).status)
        self.settings(skip_token_lifetime=0)
        self.advance(86400)
        TENANT.tokens.clear()
        self.assertEqual(200, TENANT.graph(page["@odata.nextLink"]).status)

    def test_delta_tokens(self):
        self.settings(clock="virtual")
        self.users(1)
        _, _, link = TENANT.round(USERS)
        self.advance(7 * 86400 - 1)
        TENANT.tokens.clear()
        _, _, later = TENANT.round(link)
        self.advance(1)
        self.refused(TENANT.graph(link), 400, "syncStateNotFound")
        self.assertEqual(200, TENANT.graph(later).status)

    def test_contacts_without_delta(self):
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C"})
        _, _, link = TENANT.round("/contacts/delta?$select=displayName")
        self.settings(contacts_delta=False)
        for path in ("/contacts/delta?$select=displayName", link):
            refused = TENANT.graph(path)
            self.refused(refused, 400, "Request_UnsupportedQuery")
            self.assertEqual("Differential query is not supported for entity type: OrgContact",
                             refused.json["error"]["message"])
        self.assertEqual(1, len(TENANT.graph("/contacts?$select=id").json["value"]))
        self.assertEqual(200, TENANT.graph(USERS).status)


class ReplicaTest(Case):
    def test_changes_come_late(self):
        self.settings(clock="virtual")
        one, two = self.users(2)
        _, _, link = TENANT.round(USERS)
        self.settings(replication_delay=60)
        TENANT.control("PUT", f"/users/{one}", {"displayName": "New"})
        TENANT.control("DELETE", f"/users/{two}")
        made = TENANT.control("POST", "/bulk", {"users": [{"displayName": "Fresh"}]})["users"][0]
        self.assertEqual("New", TENANT.control("GET", f"/users/{one}")["displayName"])
        items, _, link = TENANT.round(link)
        self.assertEqual([], items)
        self.refused(TENANT.graph(f"/users/{made}?$select=id"), 404, "Request_ResourceNotFound")
        everything = {item["id"]: item["displayName"] for item in TENANT.round(USERS)[0]}
        self.assertEqual({one: "User 0", two: "User 1"}, everything)
        self.advance(30)
        TENANT.control("PUT", f"/users/{one}", {"displayName": "Newer"})
        self.advance(30)
        items, _, link = TENANT.round(link)
        self.assertEqual([{"id": one, "displayName": "New"}, {"id": two, "@removed": {"reason": "changed"}},
                          {"id": made, "displayName": "Fresh"}], items)
        self.assertEqual("Fresh", TENANT.graph(f"/users/{made}?$select=displayName").json["displayName"])
        self.assertEqual([], TENANT.round(link)[0])
        self.settings(replication_delay=0)
        self.assertEqual([{"id": one, "displayName": "Newer"}], TENANT.round(link)[0])
        more = self.users(1)
        self.assertEqual(more, [item["id"] for item in TENANT.round(link)[0] if item["id"] != one])
        self.assertEqual(4, len({one, two, made, *more}))

    def test_refused_changes_are_refused_at_once(self):
        self.settings(clock="virtual", replication_delay=60)
        one, = self.users(1)
        TENANT.control("DELETE", f"/users/{one}")
        answer = TENANT.send("PUT", f"{TENANT.at['control']}/users/{one}", {}, '{"displayName": "x"}')
        self.assertEqual(409, answer.status)


class GapTest(Case):
    def test_silent_restore(self):
        self.settings(undelete_silent=True)
        one, = self.users(1)
        _, _, link = TENANT.round(USERS)
        TENANT.control("DELETE", f"/users/{one}")
        items, _, link = TENANT.round(link)
        self.assertEqual(1, len(items))
        TENANT.control("POST", f"/users/{one}/restore")
        items, _, link = TENANT.round(link)
        self.assertEqual([], items)
        TENANT.control("PUT", f"/users/{one}", {"displayName": "Changed"})
        items, _, link = TENANT.round(link)
        self.assertEqual([], items)
        items, _, link = TENANT.round(USERS)
        self.assertEqual([one], [item["id"] for item in items])
        TENANT.control("PUT", f"/users/{one}", {"displayName": "Changed again"})
        self.assertEqual([one], [item["id"] for item in TENANT.round(link)[0]])

    def test_lost_purges(self):
        one, two = self.users(2)
        group = TENANT.control("POST", "/bulk", {"groups": [
            {"displayName": "G", "members": [{"type": "user", "id": one}, {"type": "user", "id": two}]}]})["groups"][0]
        _, _, link = TENANT.round("/groups/delta?$select=displayName,members")
        self.settings(lost_purges=True)
        TENANT.control("DELETE", f"/users/{one}?permanent=1")
        self.assertEqual([], TENANT.round(link)[0])
        self.assertEqual([two], [m["id"] for m in TENANT.graph(
            f"/groups/{group}/members?$select=id").json["value"]])
        item, = TENANT.round("/groups/delta?$select=displayName,members")[0]
        self.assertEqual([two], [m["id"] for m in item["members@delta"]])
        self.settings(lost_purges=False)
        TENANT.control("DELETE", f"/users/{two}?permanent=1")
        item, = TENANT.round(link)[0]
        self.assertEqual([(two, True)], [(m["id"], "@removed" in m) for m in item["members@delta"]])

    def test_surprises(self):
        self.settings(surprises=True)
        one, = self.users(1)
        TENANT.control("PUT", "/contacts/c1", {"phones": [{"type": "mobile", "number": "1"}]})
        group = TENANT.control("POST", "/bulk", {"groups": [
            {"groupTypes": ["Unified"], "members": [{"type": "user", "id": one}]}]})["groups"][0]
        contact, = TENANT.round("/contacts/delta?$select=phones")[0]
        self.assertEqual(["mobile", "hologram"], [phone["type"] for phone in contact["phones"]])
        self.assertIn("hologramQuality", contact)
        found, = TENANT.round("/groups/delta?$select=groupTypes,members")[0]
        self.assertEqual((group, ["Unified", "Hologram"]), (found["id"], found["groupTypes"]))
        self.assertEqual(["#microsoft.graph.user", "#microsoft.graph.hologram"],
                         [member["@odata.type"] for member in found["members@delta"]])
        for path in ("/users/delta?$select=id", "/contacts/c1?$select=id", "/organization"):
            self.assertIn("hologram", TENANT.graph(path).json["@odata.context"], path)
        stored = TENANT.control("GET", "/contacts/c1")
        self.assertEqual(1, len(stored["phones"]))

    def test_hidden_types(self):
        one, = self.users(1)
        TENANT.control("PUT", "/contacts/c1", {"displayName": "C", "manager": {"type": "user", "id": one}})
        group = TENANT.control("POST", "/bulk", {"groups": [{"displayName": "G", "members": [
            {"type": "user", "id": one}, {"type": "contact", "id": "c1"}]}]})["groups"][0]
        self.settings(hidden_types=["user"])
        user, contact = TENANT.graph(f"/groups/{group}/members").json["value"]
        self.assertEqual({"@odata.type": "#microsoft.graph.user", "id": one}, user)
        self.assertEqual("C", contact["displayName"])
        manager = TENANT.graph("/contacts/c1/manager").json
        self.assertEqual({"@odata.context", "@odata.type", "id"}, set(manager))


if __name__ == "__main__":
    unittest.main()
