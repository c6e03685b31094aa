#include "cloud/exchange_command.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "cloud/authorized_client.hpp"

namespace gald::cloud {

namespace {

using Json = nlohmann::ordered_json;

bool mentions(std::string_view text, std::string_view lower_case_words) {
  return base::ascii_lower(text.substr(0, 4096)).find(lower_case_words) != std::string::npos;
}

bool names_nothing(const CmdletValue& value) {
  if (const auto* text = std::get_if<std::string>(&value))
    return base::trim(*text).empty();
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value))
    return texts->empty() || std::any_of(texts->begin(), texts->end(), [](const std::string& text) {
             return base::trim(text).empty();
           });
  return true;
}

Json parameters_of(const Cmdlet& cmdlet) {
  Json parameters = Json::object();
  for (const auto& [name, value] : cmdlet.parameters) {
    if (base::ascii_iequals(name, "Identity") && names_nothing(value))
      throw std::invalid_argument(cmdlet.name + " with an Identity that names nothing");
    std::visit([&, &key = name](const auto& given) { parameters[key] = given; }, value);
  }
  return parameters;
}

}  // namespace

net::HttpRequest command_request(const std::string& endpoint, const std::string& tenant,
                                 const Cmdlet& cmdlet) {
  const std::size_t hyphen = cmdlet.name.find('-');
  if (hyphen == 0 || hyphen == std::string::npos || hyphen + 1 == cmdlet.name.size())
    throw std::invalid_argument("'" + cmdlet.name + "' is no cmdlet");
  net::HttpRequest request;
  request.method = "POST";
  request.url = endpoint + "/adminapi/beta/" + base::percent_encode(tenant) + "/InvokeCommand";
  if (!cmdlet.select.empty())
    request.url += "?$select=" + cmdlet.select;
  request.headers = {
      {"Content-Type", "application/json; charset=utf-8"},
      {"Accept", "application/json"},
      {"Prefer", "odata.maxpagesize=1000"},  // the most there is
      {"X-ResponseFormat", "json"},
      {"X-CmdletName", cmdlet.name},
      // Routes an application's request: every tenant has this system mailbox.
      {"X-AnchorMailbox", "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@" + tenant}};
  Json input = {{"CmdletName", cmdlet.name}, {"Parameters", parameters_of(cmdlet)}};
  request.body = Json{{"CmdletInput", std::move(input)}}.dump();
  return request;
}

bool is_replayable(std::string_view cmdlet) {
  constexpr std::array<std::string_view, 3> kLooking = {"get", "test", "search"};
  const std::string_view verb = cmdlet.substr(0, cmdlet.find('-'));
  return std::any_of(kLooking.begin(), kLooking.end(), [verb](std::string_view looking) {
    return base::ascii_iequals(verb, looking);
  });
}

std::string opath_literal(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'')
      literal += '\'';
    literal += c;
  }
  return literal + "'";
}

std::string changed_after(base::TimePoint since) {
  const auto day = std::chrono::floor<std::chrono::days>(since);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(since - day));
  const auto two_digits = [](auto count) {
    return (count < 10 ? "0" : "") + std::to_string(count);
  };
  const auto hour = time.hours().count();
  const std::string when = std::to_string(static_cast<unsigned>(date.month())) + "/" +
                           std::to_string(static_cast<unsigned>(date.day())) + "/" +
                           std::to_string(static_cast<int>(date.year())) + " " +
                           std::to_string(hour % 12 == 0 ? 12 : hour % 12) + ":" +
                           two_digits(time.minutes().count()) + ":" +
                           two_digits(time.seconds().count()) + (hour < 12 ? " AM" : " PM");
  return "WhenChangedUTC -gt " + opath_literal(when);
}

bool is_crowded(const net::HttpResponse& response) {
  return !response.body.starts_with('{') &&
         (mentions(response.body, "maximum number of concurrent requests") ||
          mentions(response.body, "please wait and try again"));
}

bool is_passing(const net::HttpResponse& response) {
  constexpr std::array<std::string_view, 4> kPassing = {"cmdletproxynotavailablefailure",
                                                        "serverbusyexception", "transientexception",
                                                        "backendcommunicationexception"};
  if (response.status != 400)
    return false;
  const std::string_view exception = response.header("X-ExceptionType").value_or("");
  return std::any_of(kPassing.begin(), kPassing.end(), [&](std::string_view words) {
    return mentions(response.body, words) || mentions(exception, words);
  });
}

std::string with_diagnostics(const net::HttpRequest& request, const net::HttpResponse& response) {
  std::string text = describe(request, response);
  for (const char* name : {"x-ms-diagnostics", "WWW-Authenticate"})
    if (const auto reason = response.header(name)) {
      text += "; " + std::string(reason->substr(0, 300));
      break;
    }
  return text;
}

}  // namespace gald::cloud
