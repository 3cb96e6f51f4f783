// Boost.Interprocess: a mutex and a number in its shared memory. `boost PROCS ADDS`: so many forked
// processes, each on one processor, add 1 so often each; prints the nanoseconds from the first add to
// the last, by all adds.

#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <vector>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ipc = boost::interprocess;

constexpr int most = 256;

struct Counter {
    ipc::interprocess_mutex mutex;
    std::int64_t total = 0;
};

struct Notes {
    std::atomic<int> ready{0};
    std::int64_t start[most];
    std::int64_t end[most];
};

static std::int64_t now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void pin(int process) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(process % sysconf(_SC_NPROCESSORS_ONLN), &set);
    sched_setaffinity(0, sizeof set, &set);
}

int main(int count, char **arguments) {
    const int procs = count == 3 ? std::atoi(arguments[1]) : 0;
    const std::int64_t adds = count == 3 ? std::atoll(arguments[2]) : 0;
    if (procs < 1 || procs > most || adds < 1) {
        std::fprintf(stderr, "usage: boost PROCS ADDS\n");
        return 2;
    }
    ipc::mapped_region of_counter(ipc::anonymous_shared_memory(sizeof(Counter)));
    ipc::mapped_region of_notes(ipc::anonymous_shared_memory(sizeof(Notes)));
    auto *counter = new (of_counter.get_address()) Counter;
    auto *notes = new (of_notes.get_address()) Notes;

    std::vector<pid_t> children;
    for (int process = 0; process < procs; ++process) {
        const pid_t pid = fork();
        if (pid < 0) {
            std::perror("fork");
            return 1;
        }
        if (pid == 0) {
            pin(process);
            notes->ready.fetch_add(1);
            while (notes->ready.load() < procs) sched_yield();
            notes->start[process] = now();
            for (std::int64_t add = 0; add < adds; ++add) {
                ipc::scoped_lock<ipc::interprocess_mutex> lock(counter->mutex);
                counter->total += 1;
            }
            notes->end[process] = now();
            _exit(0);
        }
        children.push_back(pid);
    }
    bool all_well = true;
    for (const pid_t child : children) {
        int status = 0;
        all_well &= waitpid(child, &status, 0) == child && status == 0;
    }
    if (!all_well || counter->total != procs * adds) {
        std::fprintf(stderr, "error: counted %lld, expected %lld\n", (long long)counter->total,
                     (long long)(procs * adds));
        return 1;
    }
    const auto elapsed = *std::max_element(notes->end, notes->end + procs) -
                         *std::min_element(notes->start, notes->start + procs);
    std::printf("%.2f\n", double(elapsed) / double(counter->total));
}
