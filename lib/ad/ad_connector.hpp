// The Active Directory connector: one collection, `directory`, read from one of the domain's
// controllers in one of two ways: with DirSync (MS-ADTS 3.1.1.3.4.1.3), or by the uSNChanged of the
// objects.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "ad/scope.hpp"
#include "ad/servers.hpp"
#include "ad/session.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "sync/connector.hpp"

namespace gald::ad {

enum class ReadBy {
  automatic,  ///< DirSync, and polling where DirSync is not offered or not allowed
  dirsync,
  polling,
};

struct AdOptions {
  std::string name;  ///< of the connector
  /// Whom to ask: one controller, several in the order of preference ("ldaps://host[:port]", or
  /// "ldap://..." where `security` is another), or a domain whose controllers DNS knows.
  std::string url;
  std::vector<std::string> servers;
  std::string domain;
  std::string site;  ///< whose controllers come before the others of the domain
  Security security = Security::ldaps;
  std::string bind_name;                                 ///< a DN, user@realm or DOMAIN\user
  std::function<base::Result<base::Secret>()> password;  ///< asked once per round
  /// With a keytab the account is `principal`, by Kerberos, and the two above do not count.
  std::filesystem::path keytab_file;
  std::string principal;          ///< "svc-gald@CONTOSO.COM"
  std::filesystem::path ca_file;  ///< PEM; empty: the system's store
  std::string naming_context;     ///< empty: the controller's default
  std::chrono::seconds connect_timeout{10};
  /// Without a message from the controller. It begins to answer a DirSync search when it has found
  /// everything (Samba: 6,000 objects a second), so this must be longer than that takes.
  std::chrono::seconds answer_timeout{120};

  ScopeOptions scope = {};
  ReadBy read_by = ReadBy::automatic;

  /// How often everything is read and compared, whatever the changes say.
  std::chrono::milliseconds complete_every{std::chrono::hours(168)};

  /// Likewise for an account that does not see deletions, which are found in no other way.
  std::chrono::milliseconds compare_every{std::chrono::hours(6)};

  std::size_t photo_limit = 0;         ///< bytes of a thumbnailPhoto; 0: photos are not read
  const base::Clock* clock = nullptr;  ///< for check(); none: it does not compare clocks
};

/// Opens a conversation with a controller: the one called `preferred` (its DNS name in lower case),
/// if it can be reached; "" leaves the choice.
using SessionFactory = std::function<base::Result<std::unique_ptr<Session>>(
    const std::string& preferred, std::stop_token stop)>;

/// Talks to nobody yet: what is wrong with the options is said by check() and by the first round.
std::unique_ptr<sync::Connector> make_ad_connector(AdOptions options);

/// The same with conversations of the caller's making, for tests.
std::unique_ptr<sync::Connector> make_ad_connector(AdOptions options, SessionFactory open);

}  // namespace gald::ad
