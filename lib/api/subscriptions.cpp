#include "api/subscriptions.hpp"

#include <utility>

#include "api/problem.hpp"

namespace gald::api {

class Subscriptions::Open {
 public:
  Open(std::shared_ptr<Counts> counts, std::string client)
      : counts_(std::move(counts)), client_(std::move(client)) {
    const std::lock_guard lock(counts_->mutex);
    std::size_t& open = counts_->of_client[client_];
    if (open >= kMostOfAClient)
      throw Refused(429,
                    "you have " + std::to_string(open) +
                        " event streams and long polls open; close some of them, or let one feed"
                        " all who need it",
                    {{"Retry-After", "15"}});
    ++open;
  }

  ~Open() {
    const std::lock_guard lock(counts_->mutex);
    if (const auto open = counts_->of_client.find(client_); --open->second == 0)
      counts_->of_client.erase(open);
  }

  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;

 private:
  const std::shared_ptr<Counts> counts_;
  const std::string client_;
};

std::shared_ptr<void> Subscriptions::open(const std::string& client) {
  return std::make_shared<Open>(counts_, client);
}

}  // namespace gald::api
