#include "api/meant.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/problem.hpp"
#include "base/guid.hpp"
#include "model/forms.hpp"

namespace gald::api {

namespace {

bool has_address(const model::Contact& contact, const std::string& folded) {
  const std::vector<model::Address>& addresses = contact.entry.addresses;
  return std::any_of(addresses.begin(), addresses.end(), [&](const model::Address& address) {
    return model::fold_address(address.value) == folded;
  });
}

bool is_there(const model::Contact& contact) {
  return contact.entry.status != model::Status::deleted;
}

net::ServerResponse several(const std::vector<model::Contact>& found) {
  net::ServerResponse response =
      problem(409, "several have this address; ask for one of `ids`, which they are");
  auto body = nlohmann::ordered_json::parse(response.body);
  for (const model::Contact& contact : found)
    body["ids"].push_back(contact.entry.id);
  response.body = body.dump();
  return response;
}

}  // namespace

net::ServerResponse answer_for_one(
    const std::string& asked, std::vector<model::Contact> found,
    const std::function<net::ServerResponse(const model::Contact&)>& answer) {
  if (!base::Guid::parse(asked))
    std::erase_if(found, [folded = model::fold_address(asked)](const model::Contact& contact) {
      return !has_address(contact, folded);
    });
  // Who has gone keeps the address; it means whoever has it now.
  if (std::any_of(found.begin(), found.end(), is_there))
    std::erase_if(found, [](const model::Contact& contact) { return !is_there(contact); });
  if (found.empty())
    throw Refused(404, "nothing here has this id or address");
  return found.size() == 1 ? answer(found.front()) : several(found);
}

}  // namespace gald::api
