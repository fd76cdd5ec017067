#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"

#define REDRAW_MS    100
#define SPEED_MS     500 /* too early for a speed before */
#define WIDTH_ASSUME 80
#define BAR_MAX      40

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_init(struct progress *progress, bool quiet)
{
    const char *terminal = getenv("TERM");
    *progress = (struct progress){.out = quiet ? NULL : stderr};
    progress->live = progress->out && isatty(STDERR_FILENO) && terminal &&
                     strcmp(terminal, "dumb") != 0;
}

void progress_bytes(uint64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    double value = (double)bytes;
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out, 16, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return WIDTH_ASSUME;
    return size.ws_col;
}

/* "12.3 MB / 40.1 MB  8.2 MB/s", or "3 / 7". */
static void format_amount(const struct progress *progress, uint64_t done, uint64_t total,
                          bool bytes, char out[80])
{
    char texts[3][16];
    uint64_t elapsed = now_ms() - progress->start_ms;
    if (!bytes) {
        (void)snprintf(out, 80, "%llu / %llu", (unsigned long long)done, (unsigned long long)total);
        return;
    }
    progress_bytes(done, texts[0]);
    progress_bytes(total, texts[1]);
    int len = snprintf(out, 80, "%s%s%s", texts[0], total ? " / " : "", total ? texts[1] : "");
    if (elapsed < SPEED_MS || len < 0)
        return;
    progress_bytes((uint64_t)((double)done * 1000 / (double)elapsed), texts[2]);
    (void)snprintf(out + len, 80 - (size_t)len, "  %s/s", texts[2]);
}

static void draw_bar(FILE *out, size_t width, uint64_t done, uint64_t total)
{
    char bar[BAR_MAX + 1];
    double share = total ? (double)done / (double)total : 0;
    size_t filled = share >= 1 ? width : (size_t)(share * (double)width);
    memset(bar, ' ', width);
    memset(bar, '=', filled);
    if (filled < width)
        bar[filled] = '>';
    bar[width] = '\0';
    (void)fprintf(out, " [%s]", bar);
}

void progress_show(struct progress *progress, const char *label, uint64_t done, uint64_t total,
                   bool bytes)
{
    char amount[80];
    if (!progress->live)
        return;
    uint64_t now = now_ms();
    if (strcmp(progress->label, label) != 0) {
        (void)snprintf(progress->label, sizeof progress->label, "%s", label);
        progress->start_ms = now;
        progress->next_ms = 0;
    }
    if (now < progress->next_ms)
        return;
    progress->next_ms = now + REDRAW_MS;
    format_amount(progress, done, total, bytes, amount);
    size_t width = terminal_width();
    size_t used = strlen(progress->label) + strlen(amount) + 8;
    (void)fprintf(progress->out, "\r\033[K%s", progress->label);
    if (total > 0 && width > used + 8)
        draw_bar(progress->out, width - used < BAR_MAX ? width - used : BAR_MAX, done, total);
    if (width > used)
        (void)fprintf(progress->out, "  %s", amount);
    (void)fflush(progress->out);
    progress->drawn = true;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn)
        (void)fputs("\r\033[K", progress->out);
    progress->drawn = false;
}

void progress_done(struct progress *progress, const char *label, const char *note)
{
    if (!progress->out)
        return;
    progress_clear(progress);
    (void)fprintf(progress->out, "%s  %s\n", label, note);
    (void)fflush(progress->out);
    progress->label[0] = '\0';
}

static void observe(void *context, enum image_step step, const struct oci_digest *blob,
                    uint64_t done, uint64_t total, bool cached)
{
    static const char *const words[][3] = {
        [IMAGE_STEP_DOWNLOAD] = {"downloading", "downloaded", "already there"},
        [IMAGE_STEP_CONVERT] = {"making disk", "disk made", "disk already there"},
    };
    char hex[2 * SHA256_SIZE + 1];
    char label[64];
    char size[16];
    hex_encode(span_of(blob->bytes, sizeof blob->bytes), hex);
    (void)snprintf(label, sizeof label, "%.12s: %s", hex, words[step][done < total ? 0 : 1]);
    if (done < total) {
        progress_show(context, label, done, total, true);
        return;
    }
    if (cached)
        (void)snprintf(label, sizeof label, "%.12s: %s", hex, words[step][2]);
    progress_bytes(total, size);
    progress_done(context, label, size);
}

struct image_observer progress_observer(struct progress *progress)
{
    return (struct image_observer){.report = observe, .context = progress};
}
