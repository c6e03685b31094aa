#include "asking.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "people.hpp"

namespace gald::bench {

namespace {

constexpr int kPage = 200;
constexpr int kChanged = 1000;  // contacts in a delta

const index::CollectionKey kPeople{"entra", model::ConnectorKind::entra, "contacts", "v1", false};

}  // namespace

void stage(index::Index& index, int from, int to, const std::string& title) {
  static int cursor = 0;
  index.position(kPeople);
  for (int at = from; at < to; at += kPage) {
    const int end = std::min(at + kPage, to);
    std::vector<model::Change> page;
    for (int number = at; number < end; ++number) {
      page.push_back(contact_of(number));
      if (!title.empty())
        page.back().set[model::Attribute::job_title] = {title};
    }
    index.apply(kPeople, std::move(page), {}, model::Cursor{std::to_string(++cursor), ""},
                end == to);
  }
}

std::vector<double> times(const Questions& questions, std::size_t count, int rounds,
                          const std::function<void(const std::string&)>& ask) {
  std::vector<double> all(std::min(count, questions.size()), 1e9);
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      ask(questions[i]);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      all[i] = std::min(all[i], took.count());
    }
  std::sort(all.begin(), all.end());
  return all;
}

double p99(const std::vector<double>& sorted) {
  return sorted.at(sorted.size() * 99 / 100);
}

double while_publishing(index::Index& index, int contacts, const std::function<double()>& measure) {
  std::atomic<int> rounds = 0;
  const std::jthread writer([&](const std::stop_token& stop) {
    for (int round = 0; !stop.stop_requested(); ++round) {
      const int from = static_cast<int>(
          chosen(static_cast<std::uint64_t>(round), static_cast<std::size_t>(contacts - kChanged)));
      stage(index, from, from + kChanged, "Title " + std::to_string(round));
      index.publish(index.begin_run(), {}, stop);
      ++rounds;
    }
  });
  while (rounds == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return measure();
}

}  // namespace gald::bench
