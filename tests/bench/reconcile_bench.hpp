// What reconciliation costs beside the writing of what it decides, and what memory it needs.
#pragma once

#include <filesystem>
#include <vector>

#include "measure.hpp"

namespace gald::bench {

/// Two rows about 100,000 changed records: half of them in AD, half in Entra, each two of them a
/// contact that is joined by its addresses.
///
/// reconcile.cost: CPU time of reconcile() alone, over batches like the publisher's, to the CPU
/// time of writing its results. That is what a publication of changed records costs more than one
/// of the same records when nothing of them changed: loading and reconciling are in both.
///
/// reconcile.memory: the largest resident size of a process that publishes 100,000 changed records
/// to that of one that publishes 10,000 of a tenth of the people.
///
/// `self` is this program, which does the rest in processes of its own; `directory` is for the
/// indexes.
std::vector<Row> measure_reconcile(const std::filesystem::path& self,
                                   const std::filesystem::path& directory);

/// What those do: make an index in which everything is published and has changed since, and
/// publish it.
void prepare_index(const std::filesystem::path& file, int people);
void publish_index(const std::filesystem::path& file);

}  // namespace gald::bench
