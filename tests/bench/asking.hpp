// How questions to an index of people (people.hpp) are timed, also while somebody writes it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "index/index.hpp"

namespace gald::bench {

using Questions = std::vector<std::string>;

/// So many of each kind of question are asked.
inline constexpr std::size_t kAsked = 1000;

/// Stages the people from `from` up to `to`, with this title unless it is empty.
void stage(index::Index& index, int from, int to, const std::string& title);

/// Milliseconds of each of the first `count` questions, in order. Of several rounds the quickest
/// counts: what the neighbours on the machine add is never negative.
std::vector<double> times(const Questions& questions, std::size_t count, int rounds,
                          const std::function<void(const std::string&)>& ask);

double p99(const std::vector<double>& sorted);

/// What `measure` gives while a thousand changes are published, again and again.
double while_publishing(index::Index& index, int contacts, const std::function<double()>& measure);

}  // namespace gald::bench
