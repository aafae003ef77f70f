drop table composer.media_crops;
