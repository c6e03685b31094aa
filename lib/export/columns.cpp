#include "export/columns.hpp"

#include "base/text.hpp"
#include "export/values.hpp"
#include "model/forms.hpp"

namespace gald::exporting {

namespace {

using model::Attribute;
using model::Contact;

Column attribute(std::string name, Attribute attribute) {
  return {std::move(name),
          [attribute](const Contact& contact) { return value(contact, attribute); }};
}

/// The first number of a type, as its source wrote it.
Column phone(std::string name, std::string type) {
  return {std::move(name), [type = std::move(type)](const Contact& contact) {
            for (const model::Phone& phone : contact.entry.phones)
              if (phone.type == type)
                return phone.raw;
            return std::string();
          }};
}

/// All that `pick` makes of the elements of a list; it leaves out what it makes "" of.
template <typename List, typename Pick>
std::string all_of(const List& list, Pick pick) {
  std::vector<std::string> values;
  for (const auto& element : list)
    if (std::string text = pick(element); !text.empty())
      values.push_back(std::move(text));
  return joined(values);
}

std::string hidden(const Contact& contact) {
  const std::string& flag = value(contact, Attribute::hidden);
  return flag.empty() ? "" : flag == "true" ? "yes" : "no";
}

std::string email_address(const Contact& contact) {
  const auto mails = mail_addresses(contact);
  return mails.empty() ? "" : mails.front();
}

/// The first seven are the visible ones.
std::vector<Column> make_columns() {
  std::vector<Column> columns = {
      attribute("DisplayName", Attribute::display_name),
      {"EmailAddress", email_address},
      attribute("FirstName", Attribute::given_name),
      attribute("LastName", Attribute::surname),
      attribute("Company", Attribute::company_name),
      attribute("JobTitle", Attribute::job_title),
      phone("BusinessPhone", "business"),
      {"Id", [](const Contact& contact) { return contact.entry.id; }},
      {"Kind", [](const Contact& contact) { return std::string(to_string(contact.entry.kind)); }},
      {"Source",
       [](const Contact& contact) { return std::string(to_string(contact.entry.source)); }},
      {"Status",
       [](const Contact& contact) { return std::string(to_string(contact.entry.status)); }},
      {"Hidden", hidden},
      attribute("Initials", Attribute::initials),
      attribute("Department", Attribute::department),
      attribute("OfficeLocation", Attribute::office_location),
      attribute("EmployeeId", Attribute::employee_id),
      attribute("Description", Attribute::description),
      attribute("Notes", Attribute::notes),
      attribute("WebPage", Attribute::web_page),
      {"ManagerId", [](const Contact& contact) { return contact.manager_id; }},
      attribute("Mail", Attribute::mail),
      attribute("MailNickname", Attribute::mail_nickname),
      attribute("UserPrincipalName", Attribute::user_principal_name),
      {"Addresses",
       [](const Contact& contact) {
         return all_of(contact.entry.addresses, model::format_address);
       }},
      phone("MobilePhone", "mobile"),
      phone("HomePhone", "home"),
      phone("BusinessFax", "businessFax"),
      phone("Pager", "pager"),
      phone("IpPhone", "ip"),
      {"Phones",
       [](const Contact& contact) {
         return all_of(contact.entry.phones,
                       [](const model::Phone& number) { return number.type + ":" + number.raw; });
       }},
      {"PhonesE164",
       [](const Contact& contact) {
         return all_of(contact.entry.phones, [](const model::Phone& number) {
           return number.e164.empty() ? "" : number.type + ":" + number.e164;
         });
       }},
      attribute("Street", Attribute::street),
      attribute("City", Attribute::city),
      attribute("State", Attribute::state),
      attribute("PostalCode", Attribute::postal_code),
      attribute("CountryOrRegion", Attribute::country),
      {"Groups",
       [](const Contact& contact) {
         return all_of(contact.groups, [](const model::GroupReference& group) {
           return group.display_name.empty() ? group.id : group.display_name;
         });
       }},
      {"Labels", [](const Contact& contact) { return joined(contact.labels); }},
      attribute("GroupType", Attribute::group_type),
      attribute("OnPremisesDistinguishedName", Attribute::distinguished_name),
  };
  for (int number = 1; number <= 15; ++number)
    columns.push_back(attribute("ExtensionAttribute" + std::to_string(number),
                                model::extension_attribute(number)));
  columns.push_back({"ChangedAt", [](const Contact& contact) { return contact.changed_at; }});
  columns.push_back({"ChangeNumber",
                     [](const Contact& contact) { return std::to_string(contact.change_number); }});
  return columns;
}

}  // namespace

const Columns& all_columns() {
  static const std::vector<Column> kColumns = make_columns();
  static const Columns kAll = [] {
    Columns all;
    for (const Column& column : kColumns)
      all.push_back(&column);
    return all;
  }();
  return kAll;
}

const Columns& visible_columns() {
  static const Columns kVisible(all_columns().begin(), all_columns().begin() + 7);
  return kVisible;
}

const Column* column_named(std::string_view name) {
  for (const Column* column : all_columns())
    if (base::ascii_iequals(column->name, name))
      return column;
  return nullptr;
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    if (!text.empty())
      text += "; ";
    for (const char c : value) {
      if (c == ';' || c == '\\')
        text += '\\';
      text += c;
    }
  }
  return text;
}

}  // namespace gald::exporting
