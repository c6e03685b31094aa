// `gald lookup`: whose number or address it is.
#include "index/lookup.hpp"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "export/contact_json.hpp"
#include "index/reader.hpp"
#include "output.hpp"
#include "text.hpp"

namespace gald::daemon {

namespace {

using Json = nlohmann::ordered_json;
using index::LookupHit;

void print_hit(const LookupHit& hit) {
  std::string name = hit.display_name.empty() ? hit.id : hit.display_name;
  for (const std::string& part : {hit.company_name, hit.department})
    if (!part.empty())
      name += ", " + part;
  std::string value = hit.type + " " + hit.value;
  if (!hit.extension.empty() && hit.extension != hit.value)
    value += ", extension " + hit.extension;
  if (!hit.until.empty())
    value += ", until " + spoken_time(hit.until);
  print_line(pad(hit.match, 11) + "  " + printable(name));
  print_line("             " + printable(value));
  print_line("             " + std::string(to_string(hit.kind)) + ", " +
             std::string(to_string(hit.source)) + ", " + std::string(to_string(hit.status)) + "  " +
             hit.id);
}

void print_json(const LookupHit& hit, const index::Reader& reader) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  Json object = {{"match", hit.match},
                 {"type", text_or_null(hit.type)},
                 {"value", hit.value},
                 {"e164", text_or_null(hit.e164)},
                 {"extension", text_or_null(hit.extension)},
                 {"until", text_or_null(hit.until)}};
  const std::vector<model::Contact> contacts = reader.find(hit.id);
  if (contacts.empty())
    return;  // purged since
  object["contact"] = Json::parse(exporting::to_json(contacts.front()));
  print_line(object.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

int execute(const LookupCommand& command, const Context& context) {
  const index::Reader reader(context.config.index_file);
  index::LookupOptions options = context.config.lookup;
  options.with_deleted = command.all;
  const std::vector<LookupHit> hits = reader.lookup(command.what, options);
  if (hits.empty()) {
    complain(printable(command.what) + ": nobody in the index has this number or address");
    return exit_code::kFailed;
  }
  for (const LookupHit& hit : hits)
    if (command.json)
      print_json(hit, reader);
    else
      print_hit(hit);
  if (hits.size() == static_cast<std::size_t>(options.limit)) {
    flush_output();
    complain("there may be more: no more than " + std::to_string(options.limit) + " are told");
  }
  return exit_code::kComplete;
}

}  // namespace gald::daemon
