export function busyboxImage(busybox: string): Buffer;
