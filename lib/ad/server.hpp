// What a round and a check ask a domain controller before they read changes from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

#include "ad/session.hpp"
#include "base/result.hpp"

namespace gald::ad {

struct ServerFacts {
  std::string dns_name;        ///< lower case
  std::string invocation_id;   ///< changes when the controller is restored from a backup
  std::string naming_context;  ///< the one to read
  std::string configuration_context;
  std::string schema_context;
  std::uint64_t committed_usn = 0;
  std::chrono::sys_seconds time;
  bool offers_dirsync = false;
  bool offers_show_recycled = false;

  /// Who answers: cursors carry it (model::Cursor::answered_by).
  std::string identity() const { return dns_name + '/' + invocation_id; }
};

/// Reads the rootDSE (MS-ADTS 3.1.1.3.2) and the controller's own settings object. An empty
/// `wanted_context` means the controller's default; any other must be one that it holds.
base::Result<ServerFacts> read_server(Session& session, const std::string& wanted_context,
                                      std::stop_token stop);

/// Whether the account sees tombstones. Without rights on the Deleted Objects container DirSync
/// leaves deletions out without a word.
base::Result<bool> sees_deletions(Session& session, const std::string& naming_context,
                                  std::stop_token stop);

/// How long the forest remembers deletions (MS-ADTS 6.1.1.2.4.1.1): 60 days where it says nothing.
base::Result<std::chrono::days> tombstone_lifetime(Session& session,
                                                   const std::string& configuration_context,
                                                   std::stop_token stop);

/// How to let `account` see deletions, for Windows and for Samba.
std::string deletions_remedy(const std::string& naming_context, const std::string& account);

/// How to let `account` read changes.
std::string changes_remedy(const std::string& naming_context, const std::string& account);

}  // namespace gald::ad
