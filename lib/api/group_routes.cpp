// Groups, their members, and whose member somebody is.
#include <utility>

#include "api/answers.hpp"
#include "api/contact_lists.hpp"
#include "api/meant.hpp"
#include "api/router.hpp"

namespace gald::api {

namespace {

std::string value_or_null(const model::Contact& contact, model::Attribute attribute) {
  const auto value = contact.entry.values.find(attribute);
  return json_text_or_null(value == contact.entry.values.end() ? std::string() : value->second);
}

std::string group_text(const index::Reader& reader, const model::Contact& group) {
  return R"({"id":")" + group.entry.id + R"(","displayName":)" +
         value_or_null(group, model::Attribute::display_name) + R"(,"mail":)" +
         value_or_null(group, model::Attribute::mail) + R"(,"members":)" +
         std::to_string(reader.member_count(group.entry.id)) + "}";
}

/// Answers for the group that the path means.
net::ServerResponse answer_for_group(
    Call& call, const std::function<net::ServerResponse(const model::Contact&)>& answer) {
  std::vector<model::Contact> found = call.readers.reader().find(call.path.front());
  std::erase_if(found, [](const model::Contact& contact) {
    return contact.entry.kind != model::EntryKind::group ||
           contact.entry.status == model::Status::deleted;
  });
  return answer_for_one(call.path.front(), std::move(found), answer);
}

net::ServerResponse groups(Call& call) {
  const index::Reader& reader = call.readers.reader();
  const index::ContactFilter all{.kind = model::EntryKind::group};
  return list_page(call, {.filter = all, .name_begins = call.parameters.text("q").value_or("")},
                   [&](const model::Contact& group) { return group_text(reader, group); });
}

net::ServerResponse group(Call& call) {
  return answer_for_group(call, [&](const model::Contact& found) {
    return tagged_answer(call, group_text(call.readers.reader(), found));
  });
}

net::ServerResponse members(Call& call) {
  return answer_for_group(call, [&](const model::Contact& found) {
    return list_contacts(call, {.group = found.entry.id}, found.entry.id);
  });
}

net::ServerResponse groups_of_contact(Call& call) {
  const index::Reader& reader = call.readers.reader();
  const std::string& asked = call.path.front();
  return answer_for_one(asked, reader.find(asked), [&](const model::Contact& contact) {
    std::string items;
    for (const model::GroupReference& reference : contact.groups)
      for (const model::Contact& one : reader.find(reference.id))
        items.append(items.empty() ? "" : ",").append(group_text(reader, one));
    return json_answer(R"({"items":[)" + items + R"(],"next":null})");
  });
}

}  // namespace

void add_group_routes(Router& router) {
  router.add({"GET", "/api/identity/groups", Scope::read, {"q", "limit", "cursor"}, groups});
  router.add({"GET", "/api/identity/groups/{id}", Scope::read, {}, group});
  router.add({"GET",
              "/api/identity/groups/{id}/members",
              Scope::read,
              {"limit", "cursor", "offset", "count", "fields"},
              members});
  router.add({"GET", "/api/identity/contacts/{id}/groups", Scope::read, {}, groups_of_contact});
}

}  // namespace gald::api
