// The request of a cmdlet, and what its refusals mean. Pure.
//
// Protocol: there is no public specification of the admin API that the PowerShell module uses.
// `POST {root}/adminapi/beta/{tenant}/InvokeCommand` takes a cmdlet with its parameters, which are
// those of the cmdlet's documentation ("Exchange PowerShell" reference; for filters "Filterable
// properties for the -Filter parameter").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "net/http_client.hpp"

namespace gald::cloud {

/// Texts, a number, or a switch.
using CmdletValue = std::variant<std::string, std::vector<std::string>, std::int64_t, bool>;

struct Cmdlet {
  std::string name;                                             ///< "Get-MailContact"
  std::vector<std::pair<std::string, CmdletValue>> parameters;  ///< sent in this order
  std::string select;  ///< properties, by commas; empty: all
};

/// The request for the first page; the others are the same request to the page's nextLink. Throws
/// std::invalid_argument for a name that is no Verb-Noun, and for an Identity that names nothing:
/// Exchange takes that for all objects.
net::HttpRequest command_request(const std::string& endpoint, const std::string& tenant,
                                 const Cmdlet& cmdlet);

/// Whether sending it twice does no harm, as the verb tells: Get-, Test- and Search- only look.
bool is_replayable(std::string_view cmdlet);

/// A text as a literal of a -Filter: 'O''Brien'.
std::string opath_literal(std::string_view text);

/// The -Filter for what changed after `since`, with the documented form of dates.
std::string changed_after(base::TimePoint since);

/// Exchange has too many requests at a time: a sentence in plain text, with any status.
bool is_crowded(const net::HttpResponse& response);

/// A fault that passes, though it comes with status 400.
bool is_passing(const net::HttpResponse& response);

/// The words for a failure. The bodies of 401 and 403 are empty; what is wrong stands in a header.
std::string with_diagnostics(const net::HttpRequest& request, const net::HttpResponse& response);

}  // namespace gald::cloud
