#include "cloud/graph_batch.hpp"

#include <charconv>

#include <nlohmann/json.hpp>

#include "base/guid.hpp"
#include "base/text.hpp"
#include "net/retry_after.hpp"

namespace gald::cloud {

namespace {

using nlohmann::json;

/// Nothing for an id that is none of ours.
std::optional<std::size_t> part_of(const json& answer, std::size_t parts) {
  const auto id = answer.find("id");
  if (id == answer.end() || !id->is_string())
    return std::nullopt;
  const std::string& text = id->get_ref<const std::string&>();
  std::size_t part = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), part);
  if (error != std::errc() || end != text.data() + text.size() || part >= parts)
    return std::nullopt;
  return part;
}

std::optional<std::chrono::milliseconds> retry_after_of(const json& answer, base::TimePoint now) {
  const auto headers = answer.find("headers");
  if (headers == answer.end() || !headers->is_object())
    return std::nullopt;
  for (const auto& [name, value] : headers->items())
    if (base::ascii_iequals(name, "Retry-After"))
      return net::parse_retry_after(value.is_string() ? value.get<std::string>() : value.dump(),
                                    now);
  return std::nullopt;
}

std::string text_at(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool read_manager(const Detail& detail, int status, const json& body, model::Change& change) {
  if (status == 404) {
    // "Resource 'manager' does not exist" when there is none. A fresh contact that this replica has
    // not got yet is answered with its own id, and says nothing of its manager.
    const auto error = body.find("error");
    if (error == body.end() || !error->is_object() ||
        base::ascii_lower(text_at(*error, "message")).find(detail.anchor) != std::string::npos)
      return false;
    change.cleared.push_back(model::Attribute::manager);
    return true;
  }
  const auto id = base::Guid::parse(text_at(body, "id"));
  if (status != 200 || !id)
    return false;
  change.set[model::Attribute::manager] = {id->text()};
  return true;
}

bool read_hidden(int status, const json& body, model::Change& change) {
  const auto hidden = body.find("hideFromAddressLists");
  if (status != 200 || hidden == body.end() || !hidden->is_boolean())
    return false;
  change.set[model::Attribute::hidden] = {hidden->get<bool>() ? "true" : "false"};
  return true;
}

}  // namespace

std::string batch_body(const std::vector<std::string>& urls) {
  json requests = json::array();
  for (const std::string& url : urls)
    requests.push_back({{"id", std::to_string(requests.size())}, {"method", "GET"}, {"url", url}});
  return json{{"requests", std::move(requests)}}.dump();
}

base::Result<std::vector<BatchAnswer>> read_batch(const std::string& text, std::size_t parts,
                                                  base::TimePoint now) {
  const json document = json::parse(text, nullptr, false);
  const auto responses = document.is_object() ? document.find("responses") : document.end();
  if (!document.is_object() || responses == document.end() || !responses->is_array())
    return base::Error{base::ErrorKind::protocol, "the answer has no array `responses`", {}};
  std::vector<BatchAnswer> answers;
  for (const json& response : *responses) {
    if (!response.is_object())
      continue;
    const auto part = part_of(response, parts);
    const auto status = response.find("status");
    if (!part || status == response.end() || !status->is_number_integer())
      continue;
    const auto body = response.find("body");
    answers.push_back({*part, status->get<int>(), retry_after_of(response, now),
                       body == response.end() ? "{}" : body->dump()});
  }
  return answers;
}

std::string Detail::url() const {
  switch (kind) {
    case Kind::manager:
      return "/contacts/" + anchor + "/manager?$select=id";
    case Kind::hidden:
      return "/groups/" + anchor + "?$select=id,hideFromAddressLists";
  }
  return {};
}

bool read_detail(const Detail& detail, int status, const std::string& body, model::Change& change) {
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object())
    return false;
  switch (detail.kind) {
    case Detail::Kind::manager:
      return read_manager(detail, status, document, change);
    case Detail::Kind::hidden:
      return read_hidden(status, document, change);
  }
  return false;
}

}  // namespace gald::cloud
