#include "measure/enclave_image.h"

#include <elf.h>

#include "base/cursor.h"
#include "measure/enclave_thread.h"
#include "measure/sgx.h"
#include "measure/sgxs.h"

#define PROGRAMS_MAX   16
#define NOTE_VERSION   2
#define SSA_FRAMES_MIN 2 /* one for the program, one for the handler of its exceptions */
#define SSA_FRAMES_MAX 16
#define SSA_PAGES_MAX  4

struct program {
    uint32_t type, flags;
    uint64_t offset, address, physical, file_size, size, alignment;
};

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "the enclave image %s", what);
}

/* The ELF header: of it only the entry point and the number of program headers are free. */
static int read_header(struct cursor *cursor, struct enclave_image *out, uint16_t *count,
                       struct error *err)
{
    static const uint8_t ident[EI_NIDENT] = {0x7F,       'E',         'L',       'F',
                                             ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
    struct span found;
    uint16_t type, machine, header_size, entry_size;
    uint64_t table;
    if (!cursor_read(cursor, EI_NIDENT, &found) || !cursor_le16(cursor, &type) ||
        !cursor_le16(cursor, &machine) || !cursor_skip(cursor, 4) ||
        !cursor_le64(cursor, &out->entry) || !cursor_le64(cursor, &table) ||
        !cursor_skip(cursor, 12) || !cursor_le16(cursor, &header_size) ||
        !cursor_le16(cursor, &entry_size) || !cursor_le16(cursor, count) || !cursor_skip(cursor, 6))
        return malformed(err, "ends within its ELF header");
    if (!span_equal(found, span_of(ident, sizeof ident)) || type != ET_DYN || machine != EM_X86_64)
        return malformed(err, "is no position-independent ELF file for x86-64");
    if (table != sizeof(Elf64_Ehdr) || header_size != sizeof(Elf64_Ehdr) ||
        entry_size != sizeof(Elf64_Phdr))
        return malformed(err, "has program headers elsewhere than after its ELF header");
    if (*count == 0 || *count > PROGRAMS_MAX)
        return error_set(err, ERROR_LIMIT,
                         "the enclave image has %u program headers; 1 to %d can be", *count,
                         PROGRAMS_MAX);
    return 0;
}

static int read_program(struct cursor *cursor, struct program *out, struct error *err)
{
    bool good = cursor_le32(cursor, &out->type) && cursor_le32(cursor, &out->flags) &&
                cursor_le64(cursor, &out->offset) && cursor_le64(cursor, &out->address) &&
                cursor_le64(cursor, &out->physical) && cursor_le64(cursor, &out->file_size) &&
                cursor_le64(cursor, &out->size) && cursor_le64(cursor, &out->alignment);
    return good ? 0 : malformed(err, "ends within its program headers");
}

static int take_bytes(struct span file, const struct program *program, struct span *out,
                      struct error *err)
{
    if (program->offset > file.size || program->file_size > file.size - program->offset)
        return error_set(
            err, ERROR_INVALID,
            "the enclave image has a segment of 0x%llx bytes at 0x%llx, beyond its end",
            (unsigned long long)program->file_size, (unsigned long long)program->offset);
    *out = span_of(file.data + program->offset, (size_t)program->file_size);
    return 0;
}

/* Where the pages of what was read so far end. */
static uint64_t segments_end(const struct enclave_image *image)
{
    if (image->segment_count == 0)
        return 0;
    const struct enclave_segment *last = &image->segments[image->segment_count - 1];
    return sgx_page_up(last->offset + last->size);
}

static int check_segment(const struct enclave_image *image, const struct program *program,
                         struct error *err)
{
    if (image->segment_count == ENCLAVE_IMAGE_SEGMENTS_MAX)
        return error_set(err, ERROR_LIMIT, "the enclave image has more than %d segments",
                         ENCLAVE_IMAGE_SEGMENTS_MAX);
    if (program->size == 0 || program->file_size > program->size)
        return malformed(err, "has a segment that is larger in the file than in memory, or empty");
    uint64_t page = program->address & ~(uint64_t)(SGX_PAGE_SIZE - 1);
    uint64_t first = image->segment_count == 0 ? page : image->segments[0].offset;
    if (first > ENCLAVE_IMAGE_AT_MAX)
        return error_set(err, ERROR_LIMIT,
                         "the enclave image begins at 0x%llx; up to 4 GiB can be left out before",
                         (unsigned long long)first);
    if (program->address > first + ENCLAVE_IMAGE_SIZE_MAX || program->size > ENCLAVE_IMAGE_SIZE_MAX)
        return error_set(
            err, ERROR_LIMIT,
            "the enclave image has a segment of 0x%llx bytes at 0x%llx; its memory may "
            "have 64 MiB",
            (unsigned long long)program->size, (unsigned long long)program->address);
    if (image->segment_count == 0 ? page != program->address : page < segments_end(image))
        return malformed(
            err, "has segments that do not begin with a page and ascend, each on pages of its "
                 "own: link it with -z separate-code");
    if ((program->flags & PF_W) && (program->flags & PF_X))
        return error_set(
            err, ERROR_REFUSED,
            "the enclave image has a segment at 0x%llx that is writable and executable",
            (unsigned long long)program->address);
    if (!(program->flags & PF_R))
        return malformed(err, "has a segment that cannot be read");
    return 0;
}

static int read_segment(struct span file, const struct program *program, struct enclave_image *out,
                        struct error *err)
{
    if (check_segment(out, program, err) < 0)
        return -1;
    struct enclave_segment *segment = &out->segments[out->segment_count];
    *segment = (struct enclave_segment){
        .offset = program->address, .size = program->size, .flags = SGX_REGULAR | SGX_READ};
    if (program->flags & PF_W)
        segment->flags |= SGX_WRITE;
    if (program->flags & PF_X)
        segment->flags |= SGX_EXECUTE;
    out->segment_count++;
    return take_bytes(file, program, &segment->bytes, err);
}

/* u32 name size, u32 size, u32 type, the name, then version, threads, those that are added, SSA
 * frames, pages of one as u32, stack and heap as u64. It is the only note of its segment. */
static int read_note(struct span note, struct enclave_image *out, struct error *err)
{
    struct cursor cursor = cursor_of(note);
    uint32_t name_size, size, type, version;
    struct span name;
    if (!cursor_le32(&cursor, &name_size) || !cursor_le32(&cursor, &size) ||
        !cursor_le32(&cursor, &type) || name_size != sizeof ENCLAVE_IMAGE_NOTE_NAME ||
        !cursor_read(&cursor, name_size, &name) || size != ENCLAVE_IMAGE_NOTE_SIZE ||
        type != ENCLAVE_IMAGE_NOTE_TYPE ||
        !span_equal(name, span_of(ENCLAVE_IMAGE_NOTE_NAME, name_size)))
        return malformed(err, "has a note that is not Caisson's");
    bool good = cursor_le32(&cursor, &version) && cursor_le32(&cursor, &out->threads) &&
                cursor_le32(&cursor, &out->added) && cursor_le32(&cursor, &out->ssa_frames) &&
                cursor_le32(&cursor, &out->ssa_frame_size) &&
                cursor_le64(&cursor, &out->stack_size) && cursor_le64(&cursor, &out->heap_size);
    if (!good || !cursor_at_end(&cursor))
        return malformed(err, "has a note of another size than its kind");
    if (version != NOTE_VERSION)
        return error_set(err, ERROR_INVALID,
                         "the enclave image has a note of version %u; %d is known", version,
                         NOTE_VERSION);
    return 0;
}

static int check_note(const struct enclave_image *image, struct error *err)
{
    if (image->threads == 0)
        return malformed(err, "has no note that says how many threads it has");
    if (image->threads > ENCLAVE_IMAGE_THREADS_MAX)
        return error_set(err, ERROR_LIMIT, "the enclave image wants %u threads; %d can be",
                         image->threads, ENCLAVE_IMAGE_THREADS_MAX);
    if (image->added == 0 || image->added > image->threads)
        return error_set(err, ERROR_INVALID,
                         "the enclave image begins with %u of its %u threads; 1 to all can be",
                         image->added, image->threads);
    if (image->ssa_frames < SSA_FRAMES_MIN || image->ssa_frames > SSA_FRAMES_MAX ||
        image->ssa_frame_size == 0 || image->ssa_frame_size > SSA_PAGES_MAX)
        return error_set(
            err, ERROR_LIMIT,
            "the enclave image wants %u SSA frames of %u pages; %d to %d of 1 to %d can be",
            image->ssa_frames, image->ssa_frame_size, SSA_FRAMES_MIN, SSA_FRAMES_MAX,
            SSA_PAGES_MAX);
    if (image->stack_size == 0 || image->stack_size % SGX_PAGE_SIZE != 0 ||
        image->stack_size > ENCLAVE_IMAGE_STACK_MAX || image->heap_size % SGX_PAGE_SIZE != 0 ||
        image->heap_size > ENCLAVE_IMAGE_HEAP_MAX)
        return error_set(
            err, ERROR_LIMIT,
            "the enclave image wants stacks of 0x%llx bytes and a heap of 0x%llx; whole "
            "pages, up to 16 MiB and 32 GiB, can be",
            (unsigned long long)image->stack_size, (unsigned long long)image->heap_size);
    return 0;
}

/* Headers that would have an effect which the loader does not give them. */
static int check_other(const struct program *program, struct error *err)
{
    if (program->type == PT_INTERP)
        return malformed(err, "wants an interpreter: link it with -static-pie");
    if (program->type == PT_TLS)
        return malformed(err, "has thread-local variables, which nothing sets up");
    if (program->type == PT_GNU_STACK && (program->flags & PF_X))
        return error_set(err, ERROR_REFUSED, "the enclave image wants an executable stack");
    return 0;
}

static int read_part(struct span file, const struct program *program, struct enclave_image *out,
                     struct error *err)
{
    struct span note = {0};
    if (program->type == PT_LOAD)
        return read_segment(file, program, out, err);
    if (program->type != PT_NOTE)
        return check_other(program, err);
    if (out->threads != 0)
        return malformed(err, "has more than one segment of notes");
    if (take_bytes(file, program, &note, err) < 0 || read_note(note, out, err) < 0)
        return -1;
    return check_note(out, err);
}

static int check_entry(const struct enclave_image *image, struct error *err)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct enclave_segment *segment = &image->segments[i];
        if ((segment->flags & SGX_EXECUTE) && image->entry >= segment->offset &&
            image->entry - segment->offset < segment->size)
            return 0;
    }
    return malformed(err, "has its entry point in no executable segment");
}

uint64_t enclave_image_thread_size(const struct enclave_image *image)
{
    uint64_t ssa = (uint64_t)image->ssa_frames * image->ssa_frame_size * SGX_PAGE_SIZE;
    /* TCS, thread page, SSA, a page that is not there, stack, and another. */
    return 4 * (uint64_t)SGX_PAGE_SIZE + ssa + image->stack_size;
}

static int lay_out(struct enclave_image *image, struct error *err)
{
    image->threads_at = segments_end(image) + SGX_PAGE_SIZE;
    image->heap_at = image->threads_at + image->threads * enclave_image_thread_size(image);
    uint64_t end = image->heap_at + image->heap_size;
    image->size = 2 * (uint64_t)SGX_PAGE_SIZE;
    while (image->size < end)
        image->size *= 2;
    if (image->size > SGXS_ELRANGE_MAX)
        return error_set(err, ERROR_LIMIT,
                         "the enclave would have 0x%llx bytes; 64 GiB are the limit",
                         (unsigned long long)image->size);
    return 0;
}

int enclave_image_parse(struct span file, struct enclave_image *out, struct error *err)
{
    uint16_t count;
    struct program program;
    struct cursor cursor = cursor_of(file);
    memset(out, 0, sizeof *out);
    if (file.size > ENCLAVE_IMAGE_SIZE_MAX)
        return error_set(err, ERROR_LIMIT, "an enclave image of %zu bytes; 64 MiB are the limit",
                         file.size);
    if (read_header(&cursor, out, &count, err) < 0)
        return -1;
    for (uint16_t i = 0; i < count; i++) {
        if (read_program(&cursor, &program, err) < 0 || read_part(file, &program, out, err) < 0)
            return -1;
    }
    if (check_note(out, err) < 0 || check_entry(out, err) < 0)
        return -1;
    return lay_out(out, err);
}
