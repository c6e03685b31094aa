// Who asks, by token, account or certificate.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "api/authority.hpp"
#include "base/clock.hpp"

namespace gald::api {

/// A token comes first, and has to be right if it is shown. On a Unix socket root and the account
/// of this process may do everything, and members of the group that may read the index read
/// everything. Then comes the client's certificate, if a token stands for it.
class TokenAuthority final : public Authority {
 public:
  struct Options {
    std::filesystem::path tokens_file;
    std::filesystem::path index_file;
    std::int64_t requests_per_minute = 6000;
  };

  /// `clock` outlives it. Reads the tokens; what is wrong with them is logged, as it is whenever
  /// they change: then those that were read before stay valid for ten seconds, and after that none
  /// is until the file can be read.
  TokenAuthority(Options options, const base::Clock& clock);
  ~TokenAuthority() override;

  /// Also Refused with 429, where somebody asks too often.
  Principal admit(const net::ServerRequest& request) const override;

  /// Refused with 429, too, where somebody shows one wrong token after the other.
  Principal recognize(const net::ServerRequest& request) const override;

  bool still(const Principal& who, std::string_view authorization,
             const net::Peer& peer) const override;

  std::shared_ptr<const Principal> known(const net::RequestHead& head) const override;
  bool may_ask(const Principal& who, const net::RequestHead& head) const override;

  /// Looks at the files unless that was done within the last second, though nobody asks: a token
  /// that is revoked before its first use was there all the same, and the log has to say so.
  void look() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::api
