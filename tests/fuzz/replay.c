/* Feeds a fuzz target the empty input, then each file of the directories that are named, once whole
 * and once cut short at the middle. It stands in for libFuzzer where that is not built. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    uint8_t *data = NULL;
    if (fseek(file, 0, SEEK_END) == 0) {
        long end = ftell(file);
        rewind(file);
        *size = end > 0 ? (size_t)end : 0;
        data = malloc(*size + 1);
        if (data && fread(data, 1, *size, file) != *size) {
            free(data);
            data = NULL;
        }
    }
    (void)fclose(file);
    return data;
}

/* Each run gets an allocation of its exact size, so that AddressSanitizer sees an overrun. */
static int run_once(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(1, size ? size : 1);
    if (!copy)
        return -1;
    if (size > 0)
        memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 0;
}

static int replay_file(const char *path)
{
    size_t size = 0;
    uint8_t *data = read_file(path, &size);
    int status = data && run_once(data, size) == 0 && run_once(data, size / 2) == 0 ? 0 : -1;
    if (status < 0)
        (void)fprintf(stderr, "cannot replay %s\n", path);
    free(data);
    return status;
}

/* Returns the number of files, or -1. */
static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory) {
        (void)fprintf(stderr, "no seeds: cannot open %s\n", path);
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(directory); entry && count >= 0;
         entry = readdir(directory)) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        bool fits = len > 0 && (size_t)len < sizeof name;
        count = fits && replay_file(name) == 0 ? count + 1 : -1;
    }
    (void)closedir(directory);
    return count;
}

int main(int argc, char *argv[])
{
    if (run_once((const uint8_t *)"", 0) < 0)
        return EXIT_FAILURE;
    for (int i = 1; i < argc; i++) {
        int count = replay_directory(argv[i]);
        if (count < 0)
            return EXIT_FAILURE;
        (void)printf("%s: %d seeds\n", argv[i], count);
        if (count == 0)
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
