#include "ad/server.hpp"

#include <algorithm>
#include <charconv>

#include "ad/dirsync.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

using base::Error;
using base::ErrorKind;

base::Result<std::string> read_invocation_id(Session& session, const std::string& settings_dn,
                                             std::stop_token stop) {
  auto answer =
      search(session, {.base = settings_dn, .attributes = {"invocationId"}}, std::move(stop));
  if (!answer)
    return answer.error();
  if (answer->end.code == result_code::kSuccess && answer->entries.size() == 1)
    if (const auto id = base::Guid::from_ad_bytes(answer->entries[0].first("invocationId")))
      return id->text();
  return Error{ErrorKind::auth,
               "invocationId of " + settings_dn + " cannot be read: " + answer->end.text,
               "the account needs the read access that Authenticated Users have by default"};
}

base::Result<std::string> choose_context(const OwnedEntry& root, const std::string& wanted) {
  if (wanted.empty())
    return std::string(root.first("defaultNamingContext"));
  for (const std::string& held : root.values("namingContexts"))
    if (base::ascii_iequals(held, wanted))
      return held;
  std::string held;
  for (const std::string& context : root.values("namingContexts"))
    held.append(held.empty() ? "" : "; ").append(context);
  return Error{ErrorKind::config, "the controller does not hold the naming context " + wanted,
               "it holds: " + held};
}

}  // namespace

base::Result<ServerFacts> read_server(Session& session, const std::string& wanted_context,
                                      std::stop_token stop) {
  auto answer =
      search(session,
             {.base = "",
              .attributes = {"defaultNamingContext", "namingContexts", "configurationNamingContext",
                             "schemaNamingContext", "dnsHostName", "dsServiceName",
                             "highestCommittedUSN", "supportedControl", "currentTime"}},
             stop);
  if (!answer)
    return answer.error();
  if (answer->end.code != result_code::kSuccess || answer->entries.size() != 1)
    return Error{ErrorKind::protocol, "the rootDSE cannot be read: " + answer->end.text};
  const OwnedEntry& root = answer->entries[0];

  ServerFacts facts;
  facts.dns_name = base::ascii_lower(root.first("dnsHostName"));
  facts.configuration_context = root.first("configurationNamingContext");
  facts.schema_context = root.first("schemaNamingContext");
  const std::string_view usn = root.first("highestCommittedUSN");
  const auto parsed = std::from_chars(usn.data(), usn.data() + usn.size(), facts.committed_usn);
  const auto time = parse_generalized_time(root.first("currentTime"));
  if (facts.dns_name.empty() || parsed.ec != std::errc() || usn.empty() || !time ||
      root.first("dsServiceName").empty() || root.first("defaultNamingContext").empty())
    return Error{ErrorKind::protocol, "the rootDSE is not that of a domain controller"};
  facts.time = *time;
  const auto controls = root.values("supportedControl");
  const auto offers = [&controls](std::string_view oid) {
    return std::find(controls.begin(), controls.end(), oid) != controls.end();
  };
  facts.offers_dirsync = offers(kDirSyncOid);
  facts.offers_show_recycled = offers(kShowRecycledOid);

  auto context = choose_context(root, wanted_context);
  if (!context)
    return context.error();
  facts.naming_context = std::move(*context);
  auto invocation_id =
      read_invocation_id(session, std::string(root.first("dsServiceName")), std::move(stop));
  if (!invocation_id)
    return invocation_id.error();
  facts.invocation_id = std::move(*invocation_id);
  return facts;
}

base::Result<bool> sees_deletions(Session& session, const std::string& naming_context,
                                  std::stop_token stop) {
  const auto answer = search(session,
                             {.base = "CN=Deleted Objects," + naming_context,
                              .attributes = {"name", "objectGUID"},
                              .controls = {show_deleted_control()}},
                             std::move(stop));
  if (!answer)
    return answer.error();
  return answer->end.code == result_code::kSuccess && answer->entries.size() == 1 &&
         !answer->entries[0].attributes.empty();
}

base::Result<std::chrono::days> tombstone_lifetime(Session& session,
                                                   const std::string& configuration_context,
                                                   std::stop_token stop) {
  constexpr std::chrono::days kUnset{60};
  const auto answer =
      search(session,
             {.base = "CN=Directory Service,CN=Windows NT,CN=Services," + configuration_context,
              .attributes = {"tombstoneLifetime"}},
             std::move(stop));
  if (!answer)
    return answer.error();
  if (answer->entries.empty())
    return kUnset;
  const std::string_view text = answer->entries[0].first("tombstoneLifetime");
  int days = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), days);
  if (parsed.ec != std::errc() || days < 2)
    return kUnset;
  return std::chrono::days(days);
}

std::string deletions_remedy(const std::string& naming_context, const std::string& account) {
  const std::string container = "\"CN=Deleted Objects," + naming_context + "\"";
  return "Windows: dsacls " + container + " /takeownership, then dsacls " + container + " /G \"" +
         account +
         ":LCRP\" (the account as DOMAIN\\name). Samba: samba-tool dsacl set --objectdn=" +
         container + " --sddl=\"(A;CI;RPLC;;;SID-of-the-account)\"";
}

std::string changes_remedy(const std::string& naming_context, const std::string& account) {
  return "Windows: dsacls \"" + naming_context + "\" /G \"" + account +
         ":CA;Replicating Directory Changes\" (the account as DOMAIN\\name). Samba: samba-tool "
         "dsacl set --objectdn=\"" +
         naming_context +
         "\" --sddl=\"(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;SID-of-the-account)\"";
}

}  // namespace gald::ad
