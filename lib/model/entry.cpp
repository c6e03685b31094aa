#include "model/entry.hpp"

#include "model/names.hpp"
#include "model/run.hpp"

namespace gald::model {

namespace {

constexpr Names<EntryKind, 4> kEntryKinds = {{
    {EntryKind::contact, "contact"},
    {EntryKind::user, "user"},
    {EntryKind::guest, "guest"},
    {EntryKind::group, "group"},
}};

constexpr Names<Source, 3> kSources = {{
    {Source::cloud, "cloud"},
    {Source::on_premises, "on_premises"},
    {Source::hybrid, "hybrid"},
}};

constexpr Names<Status, 3> kStatuses = {{
    {Status::active, "active"},
    {Status::disabled, "disabled"},
    {Status::deleted, "deleted"},
}};

constexpr Names<PhoneKind, 4> kPhoneKinds = {{
    {PhoneKind::international, "international"},
    {PhoneKind::national, "national"},
    {PhoneKind::internal, "internal"},
    {PhoneKind::unparsable, "unparsable"},
}};

}  // namespace

std::string_view to_string(EntryKind kind) {
  return name_of(kEntryKinds, kind);
}

std::string_view to_string(Source source) {
  return name_of(kSources, source);
}

std::string_view to_string(Status status) {
  return name_of(kStatuses, status);
}

std::optional<EntryKind> entry_kind_named(std::string_view name) {
  return value_of(kEntryKinds, name);
}

std::optional<Source> source_named(std::string_view name) {
  return value_of(kSources, name);
}

std::optional<Status> status_named(std::string_view name) {
  return value_of(kStatuses, name);
}

std::string_view to_string(PhoneKind kind) {
  return name_of(kPhoneKinds, kind);
}

std::optional<PhoneKind> phone_kind_named(std::string_view name) {
  return value_of(kPhoneKinds, name);
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::complete:
      return "complete";
    case Outcome::partial:
      return "partial";
    case Outcome::failed:
      return "failed";
  }
  return {};
}

const std::vector<Attribute>& published_attributes() {
  static const std::vector<Attribute> kPublished = [] {
    using A = Attribute;
    std::vector<Attribute> list = {
        A::display_name, A::given_name,  A::surname,       A::initials,
        A::company_name, A::department,  A::job_title,     A::office_location,
        A::employee_id,  A::description, A::notes,         A::web_page,
        A::manager,      A::mail,        A::mail_nickname, A::user_principal_name,
        A::street,       A::city,        A::state,         A::postal_code,
        A::country,      A::hidden,      A::group_type,    A::distinguished_name,
    };
    for (int number = 1; number <= 15; ++number)
      list.push_back(extension_attribute(number));
    return list;
  }();
  return kPublished;
}

}  // namespace gald::model
