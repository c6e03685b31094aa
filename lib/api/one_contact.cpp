#include "api/one_contact.hpp"

#include <algorithm>

#include "api/problem.hpp"
#include "base/guid.hpp"
#include "model/forms.hpp"

namespace gald::api {

model::Contact one_contact(Call& call, const std::string& id_or_address) {
  std::vector<model::Contact> found = call.readers.reader().find(id_or_address);
  if (!base::Guid::parse(id_or_address)) {  // find() goes by name, too, and a path does not
    const std::string folded = model::fold_address(id_or_address);
    std::erase_if(found, [&](const model::Contact& contact) {
      const std::vector<model::Address>& addresses = contact.entry.addresses;
      return std::none_of(addresses.begin(), addresses.end(), [&](const model::Address& address) {
        return model::fold_address(address.value) == folded;
      });
    });
  }
  if (found.empty())
    throw Refused(404, "there is no contact with this id or address");
  if (found.size() > 1)
    throw Refused(409, "several contacts have this address; ask for one of them by its id");
  return std::move(found.front());
}

}  // namespace gald::api
