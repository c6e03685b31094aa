#include "export/values.hpp"

#include <algorithm>

#include "model/forms.hpp"

namespace gald::exporting {

const std::string& value(const model::Contact& contact, model::Attribute attribute) {
  static const std::string kNone;
  const auto found = contact.entry.values.find(attribute);
  return found == contact.entry.values.end() ? kNone : found->second;
}

std::vector<std::string> mail_addresses(const model::Contact& contact) {
  std::vector<std::string> found;
  std::vector<std::string> folded;
  const auto add = [&](const std::string& address) {
    std::string form = model::fold_address(address);
    if (form.empty() || std::ranges::find(folded, form) != folded.end())
      return;
    found.push_back(address);
    folded.push_back(std::move(form));
  };
  add(value(contact, model::Attribute::mail));
  for (const model::Address& address : contact.entry.addresses)  // the primary one comes first
    if (address.kind == "smtp")
      add(address.value);
  return found;
}

std::string title(const model::Contact& contact) {
  using model::Attribute;
  if (const std::string& name = value(contact, Attribute::display_name); !name.empty())
    return name;
  const std::string& given = value(contact, Attribute::given_name);
  const std::string& surname = value(contact, Attribute::surname);
  if (!given.empty() || !surname.empty())
    return given + (given.empty() || surname.empty() ? "" : " ") + surname;
  if (const auto mails = mail_addresses(contact); !mails.empty())
    return mails.front();
  return contact.entry.id;
}

}  // namespace gald::exporting
