// How many wait for what will be published.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace gald::api {

/// Each event stream and long poll keeps a connection, of which there are so many in all: one
/// reader that opens more and more would leave none for the others.
class Subscriptions {
 public:
  static constexpr std::size_t kMostOfAClient = 100;

  /// One more of this client, until what is returned is gone; `client` is a Principal::name.
  /// Refused with 429 when it has as many already.
  std::shared_ptr<void> open(const std::string& client);

 private:
  class Open;

  struct Counts {
    std::mutex mutex;
    std::map<std::string, std::size_t> of_client;  // guarded by mutex
  };

  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace gald::api
