#include "published.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace gald::simulation {

namespace {

std::string line(const PublishedContact& contact) {
  std::ostringstream out;
  out << to_string(contact.kind) << ' ';
  if (contact.status != model::Status::deleted)  // then it is the last, and tells who went first
    out << to_string(contact.source) << ' ';
  out << to_string(contact.status) << ':';
  for (const std::string& record : contact.records)
    out << ' ' << record;
  return out.str();
}

}  // namespace

std::vector<std::string> lines(const Published& published,
                               const std::map<std::string, std::string>& born_of,
                               bool with_deleted) {
  std::vector<std::string> found;
  for (const auto& [id, contact] : published.contacts) {
    if (contact.status == model::Status::deleted && !with_deleted)
      continue;
    const auto born = born_of.find(id);
    found.push_back(line(contact) + " = " + (born == born_of.end() ? id : born->second));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> lines_without_ids(const Published& published) {
  std::vector<std::string> found;
  for (const auto& [unused, contact] : published.contacts)
    found.push_back(line(contact));
  std::sort(found.begin(), found.end());
  return found;
}

std::string values_text(const model::Entry& entry) {
  std::ostringstream out;
  for (const auto& [attribute, value] : entry.values)
    out << model::name(attribute) << '=' << value << ' ';
  for (const model::Address& address : entry.addresses)
    out << address.kind << ':' << address.value << (address.primary ? "* " : " ");
  for (const model::Phone& phone : entry.phones)
    out << phone.type << ':' << phone.raw << ' ';
  for (const auto& [field, connector] : entry.origins)
    out << field << '<' << connector << ' ';
  return out.str();
}

std::string end_of(const std::map<std::string, std::string>& forwards, std::string id) {
  for (std::size_t steps = 0; steps <= forwards.size(); ++steps) {
    const auto next = forwards.find(id);
    if (next == forwards.end())
      return id;
    id = next->second;
  }
  throw std::logic_error("the forwards of " + id + " run in a circle");
}

}  // namespace gald::simulation
